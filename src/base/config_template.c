/*
 * The chancery.yaml that `chancery init` writes. It shows every key: those that
 * init decides with their values, the others commented out with their defaults,
 * so that an operator need not look elsewhere. A "#" without a blank after it
 * stands before a key that can be switched on; a test reads the file both ways.
 */
#include "base/config.h"

#include <string.h>

#include "base/json.h"
#include "base/text.h"

/* A JSON text is a double-quoted YAML scalar, whatever is in it. */
static const char *quoted(struct arena *arena, const char *text)
{
	struct json_writer w;
	json_write_init(&w, arena);
	json_write_text(&w, NULL, text);
	return buf_as_text(&w.buf);
}

static const char *endpoint(struct arena *arena, const char *address, unsigned port)
{
	bool is_ipv6 = strchr(address, ':') != NULL;
	return quoted(arena, arena_printf(arena, "%s%s%s:%u", is_ipv6 ? "[" : "", address, is_ipv6 ? "]" : "", port));
}

static void put_head(struct buf *buf, const struct config_seed *seed)
{
	struct arena *arena = buf->arena;
	buf_text(buf,
		 "# Configuration of Chancery. Lines that begin with \"#key:\" show defaults; remove\n"
		 "# the # to change them. Durations have one unit: d, h, m or s. After a change:\n"
		 "# `chancery doctor` checks this file, SIGHUP to `chancery serve` loads it.\n"
		 "# Relative paths start at the folder of this file.\n"
		 "\n"
		 "# Stands as O= in the names of the CAs. It cannot change afterwards.\n");
	buf_printf(buf, "organization: %s\n\n", quoted(arena, seed->organization));
	buf_text(buf, "# The DNS name under which clients reach this server. It goes into every certificate\n"
		      "# (CRL, OCSP and issuer addresses), so choose one that lasts.\n");
	buf_printf(buf, "host: %s\n\n", quoted(arena, seed->host));
	buf_text(buf, "# debug, info, warning or error. The log is JSON lines on standard error.\n"
		      "#log_level: info\n"
		      "\n"
		      "# Where certificates, orders and the audit log are kept: sqlite:FILE for one node,\n"
		      "# or postgresql://USER@HOST/DATABASE (docs/postgresql.md).\n");
	buf_printf(buf, "store: %s\n\n", quoted(arena, seed->store));
	buf_text(buf, "# The key that signs OCSP answers. memory: made at start, certified by the CA, never\n"
		      "# written anywhere; fast. token: kept in the token like the keys of the CAs.\n");
	bool is_token = text_equal(seed->ocsp_key, "token");
	buf_printf(buf, "%socsp_key: %s\n\n", is_token ? "" : "#", is_token ? "token" : "memory");
}

static void put_listen(struct buf *buf, const struct config_seed *seed)
{
	struct arena *arena = buf->arena;
	buf_text(buf, "# Addresses to listen on. https: ACME, EST and SCEP. http: OCSP, CRLs, CA certificates, which\n"
		      "# relying parties must reach without TLS, and SCEP. mutual: https that asks clients for a\n"
		      "# certificate, for EST; browsers and ACME clients do not come here.\n"
		      "listen:\n");
	buf_printf(buf, "  https: [%s]\n", endpoint(arena, seed->listen_address, seed->https_port));
	buf_printf(buf, "  http: [%s]\n", endpoint(arena, seed->listen_address, seed->http_port));
	buf_printf(buf, "  mutual: [%s]\n", endpoint(arena, seed->listen_address, seed->mutual_port));
	buf_text(buf, "  # A second name for the https addresses: who comes by it (SNI) is asked for a\n"
		      "  # certificate, too, where a port of its own cannot be had.\n"
		      "  #mutual_host: est.ca.example.internal\n\n");
	buf_text(buf, "# The ports that clients see, if a proxy or a port redirection stands in between. They\n"
		      "# go into addresses; left out, they are those of the first listeners above.\n");
	buf_printf(buf, "#https_port: %u\n", seed->https_port);
	buf_printf(buf, "#http_port: %u\n\n", seed->http_port);
}

static void put_token(struct buf *buf, const struct config_seed *seed)
{
	struct arena *arena = buf->arena;
	buf_text(buf, "# The PKCS#11 token that holds every private key of the CAs.\n"
		      "token:\n"
		      "  # The vendor's PKCS#11 library.\n");
	buf_printf(buf, "  module: %s\n", quoted(arena, seed->module));
	buf_text(buf, "  # The label of the token (not of a slot: slots move).\n");
	buf_printf(buf, "  label: %s\n", quoted(arena, seed->token_label));
	buf_text(buf, "  # A file that holds the PIN on one line, readable by its owner only (chmod 600), or a\n"
		      "  # systemd credential.\n");
	buf_printf(buf, "  pin_file: %s\n", quoted(arena, seed->pin_file));
	buf_text(buf, "  # Signer processes. Each has a session of its own; that is how signatures run in\n"
		      "  # parallel.\n"
		      "  #signers: 2\n\n");
}

static void put_cas(struct buf *buf)
{
	buf_text(buf, "# The CAs. Their names stand in addresses: /crl/issuing.crl, /ocsp/issuing.\n"
		      "cas:\n"
		      "  - name: root\n"
		      "    # How long a CRL is valid, and at which age the next one is made. A revocation\n"
		      "    # makes a new one at once.\n"
		      "    #crl_lifetime: 7d\n"
		      "    #crl_refresh: 1d\n"
		      "    # How long an OCSP answer is valid.\n"
		      "    #ocsp_lifetime: 12h\n"
		      "  - name: issuing\n\n");
}

static void put_profiles(struct buf *buf)
{
	buf_text(buf, "# What certificates may look like. A profile is reached through one kind of door only:\n"
		      "# acme, est, scep, operator or internal, below. One that no door names does not exist for anybody.\n"
		      "profiles:\n"
		      "  # For servers that ask through ACME.\n"
		      "  - name: server\n"
		      "    # The CA that signs.\n"
		      "    ca: issuing\n"
		      "    # From the first to the last second of the certificate.\n"
		      "    validity: 90d\n"
		      "    # The certificate begins this long before now, for clocks that are slow.\n"
		      "    backdate: 1m\n"
		      "    # Keys that are accepted: P-256, P-384, RSA-2048, RSA-3072, RSA-4096, Ed25519.\n"
		      "    #key_types: [P-256, P-384, RSA-2048, RSA-3072, RSA-4096]\n"
		      "    # Extended key usages: server_auth, client_auth; registrar for who asks for others\n"
		      "    # by EST.\n"
		      "    usages: [server_auth]\n"
		      "    # Whether names such as *.example.internal are allowed (by the operator's door;\n"
		      "    # ACME needs dns-01 for them, which is not there yet).\n"
		      "    #wildcards: false\n"
		      "    # Whether the first DNS name also stands as common name, for old software.\n"
		      "    #common_name: true\n"
		      "    # Names must be one of these or below it; the domains of e-mail addresses and the hosts\n"
		      "    # of URIs, too. Left out: any name that validates.\n"
		      "    #permitted_names: [example.internal]\n"
		      "  # For `chancery cert issue`.\n"
		      "  - name: operator\n"
		      "    ca: issuing\n"
		      "    validity: 90d\n"
		      "    backdate: 1m\n"
		      "    usages: [server_auth, client_auth]\n"
		      "    # Kinds of subjectAltNames that a request may have: dns, ip, email, uri,\n"
		      "    # upn and sid (accounts of Windows).\n"
		      "    #names: [dns]\n"
		      "    # What the subject takes from the request: common_name, serial_number, organization,\n"
		      "    # organizational_unit, locality, state, country. Left out: nothing of it, as\n"
		      "    # common_name above says.\n"
		      "    #subject: [common_name, serial_number]\n"
		      "    # IP addresses must be in one of these. Left out: any.\n"
		      "    #permitted_networks: [\"192.0.2.0/24\", \"2001:db8::/32\"]\n"
		      "  # For devices that ask through EST.\n"
		      "  - name: device\n"
		      "    ca: issuing\n"
		      "    validity: 90d\n"
		      "    backdate: 1m\n"
		      "    usages: [client_auth]\n"
		      "    names: [dns, ip]\n"
		      "    subject: [common_name, serial_number]\n"
		      "  # For devices that ask through SCEP; whoever manages them says which names they get.\n"
		      "  - name: mobile\n"
		      "    ca: issuing\n"
		      "    validity: 365d\n"
		      "    backdate: 1m\n"
		      "    # SCEP encrypts to the key of the request, which RSA alone can do.\n"
		      "    key_types: [RSA-2048, RSA-3072, RSA-4096]\n"
		      "    usages: [client_auth]\n"
		      "    names: [dns, email, uri]\n"
		      "    subject: [common_name, serial_number, organization, organizational_unit]\n"
		      "  # For the TLS certificate of this server.\n"
		      "  - name: front\n"
		      "    ca: issuing\n"
		      "    validity: 90d\n"
		      "    backdate: 1m\n"
		      "    usages: [server_auth]\n\n");
}

static void put_doors(struct buf *buf)
{
	buf_text(buf, "# ACME directories: /acme/NAME/directory, and /acme/directory for the first one.\n"
		      "acme:\n"
		      "  - name: default\n"
		      "    profile: server\n"
		      "    # Addresses that clients show to people.\n"
		      "    #terms: https://www.example.internal/terms\n"
		      "    #website: https://www.example.internal/pki\n"
		      "    # An order must be finished within this time.\n"
		      "    #order_lifetime: 7d\n"
		      "    # How long a validated name stays good for the order it was validated for.\n"
		      "    #authorization_lifetime: 30d\n"
		      "\n"
		      "# EST labels: /.well-known/est/LABEL/simpleenroll and so on; the label default answers\n"
		      "# without a label, too.\n"
		      "est:\n"
		      "  - label: default\n"
		      "    profile: device\n"
		      "    # Each of these is enough: certificate (of this CA, or under an anchor below), user (made\n"
		      "    # by `chancery est user add`), token (one-time, `chancery est token create`),\n"
		      "    # certificate+user, certificate+token; or anonymous, which then stands here alone.\n"
		      "    authentication: [certificate, user, token]\n"
		      "    # Certificates under these count, too: those that the manufacturer put into devices.\n"
		      "    #anchors: [manufacturer.pem]\n"
		      "    # CRLs of that manufacturer, PEM or DER: which of them count no more.\n"
		      "    #anchor_crls: [manufacturer.crl]\n"
		      "    # What they may ask for: same, their own subject and names; any that the profile gives.\n"
		      "    #anchored_names: same\n"
		      "    # Whether a request must be tied to its TLS connection: optional or required.\n"
		      "    #channel_binding: optional\n"
		      "    # automatic, or manual: each request waits for `chancery request approve`.\n"
		      "    #approval: automatic\n"
		      "    # Whether certificates with the usage registrar, of this CA, may ask for others.\n"
		      "    #registrars: false\n"
		      "    # Keys made by the server: off; encrypted, for the client's key only; tls, also without\n"
		      "    # an encryption besides that of the connection.\n"
		      "    #server_keys: off\n"
		      "    # A request that waits for approval is forgotten after this time.\n"
		      "    #request_lifetime: 7d\n"
		      "\n");
}

static void put_scep(struct buf *buf)
{
	buf_text(buf, "# SCEP endpoints: /scep/NAME, on http and on https.\n"
		      "scep:\n"
		      "  - name: default\n"
		      "    profile: mobile\n"
		      "    # For a first certificate each of these is enough: challenge (one-time, made by\n"
		      "    # `chancery scep challenge create` or by whoever manages the devices), static (one for\n"
		      "    # all, for the names below), intune (Microsoft says whether it is its own), approval (no\n"
		      "    # challenge: each request waits for `chancery request approve`). Left out: renewals only.\n"
		      "    authentication: [challenge]\n"
		      "    # The challenge for all, on one line of a file that its owner only can read, and what it\n"
		      "    # is good for: names, or all that end alike.\n"
		      "    #static_challenge_file: scep-challenge\n"
		      "    #static_names: [\"dns:*.devices.example.internal\"]\n"
		      "    # Whether a certificate of this endpoint is enough to get the next one, and for how long\n"
		      "    # after its end.\n"
		      "    #renewal: true\n"
		      "    #renewal_after_expiry: 0s\n"
		      "    # automatic, or manual: first requests wait for `chancery request approve` besides.\n"
		      "    #approval: automatic\n"
		      "    # What some devices need: 3des, sha1 and des (old ones), ber (Apple's, jscep). Left out: none.\n"
		      "    #compatibility: [3des, sha1, ber]\n"
		      "    # The key to which clients encrypt, in the token: RSA-2048, RSA-3072, RSA-4096.\n"
		      "    #ra_key: RSA-2048\n"
		      "    # Whether holders of certificates may ask for certificates and for the CRL by SCEP.\n"
		      "    #get_cert: true\n"
		      "    #get_crl: true\n"
		      "    # A request that waits for approval is forgotten after this time.\n"
		      "    #request_lifetime: 7d\n"
		      "    # The certificate of the CA that comes after this one, in PEM: devices may ask for it.\n"
		      "    #next_ca: next-ca.pem\n"
		      "    # Microsoft Intune, for `intune` above: the application that speaks for this CA.\n"
		      "    #intune:\n"
		      "      #tenant: contoso.onmicrosoft.com\n"
		      "      #client_id: 00000000-0000-0000-0000-000000000000\n"
		      "      # Its secret on one line of a file; or instead a certificate and its key, in PEM.\n"
		      "      #secret_file: intune.secret\n"
		      "      #certificate_file: intune.pem\n"
		      "      #key_file: intune.key\n"
		      "      # Microsoft's services; national clouds have others.\n"
		      "      #login_url: https://login.microsoftonline.com\n"
		      "      #graph_url: https://graph.microsoft.com\n"
		      "      #resource_url: https://api.manage.microsoft.com/\n"
		      "      # A proxy on the way there.\n"
		      "      #proxy: http://proxy.example.internal:3128\n"
		      "      # Roots that may have signed for their TLS. Left out: the system's.\n"
		      "      #trust_file: microsoft-roots.pem\n"
		      "      # How long one call may take.\n"
		      "      #timeout: 10s\n"
		      "      # Whether certificates that Intune wants revoked are revoked.\n"
		      "      #revocations: true\n"
		      "\n");
}

static void put_inner_doors(struct buf *buf)
{
	buf_text(buf, "# `chancery cert issue --profile …` may use these.\n"
		      "operator:\n"
		      "  profiles: [operator]\n"
		      "\n"
		      "# What the server issues to itself.\n"
		      "internal:\n"
		      "  tls_profile: front\n\n");
}

static void put_validation(struct buf *buf, const struct config_seed *seed)
{
	buf_text(buf, "# How control of a name is checked.\n"
		      "validation:\n"
		      "  # DNS servers to ask. Left out: those of /etc/resolv.conf.\n");
	if (seed->resolver != NULL)
		buf_printf(buf, "  resolvers: [%s]\n", quoted(buf->arena, seed->resolver));
	else
		buf_text(buf, "  #resolvers: [\"127.0.0.1:53\"]\n");
	buf_text(buf, "  # The port for http-01. RFC 8555 says 80; only tests want another one.\n");
	buf_printf(buf, "  %shttp_port: %u\n", seed->validation_http_port == 80 ? "#" : "", seed->validation_http_port);
	buf_text(buf, "  # Whether names may lead to private networks (RFC 1918, fc00::/7).\n"
		      "  #allow_private: true\n"
		      "  # Whether names may lead to this machine: never outside demonstrations, since anybody\n"
		      "  # could then have the server talk to what listens here.\n");
	buf_printf(buf, "  %s\n", seed->demo ? "allow_loopback: true" : "#allow_loopback: false");
	buf_text(buf, "  # Networks that are never connected to.\n"
		      "  #deny: [\"192.0.2.0/24\", \"2001:db8::/32\"]\n"
		      "  # Attempts before a challenge is invalid.\n"
		      "  #attempts: 3\n\n");
}

static void put_limits(struct buf *buf)
{
	buf_text(buf, "# How much this server takes on at once. A full queue is answered with 503 at once.\n"
		      "limits:\n"
		      "  # Open connections, in all and from one address.\n"
		      "  #connections: 4096\n"
		      "  #connections_per_address: 256\n"
		      "  # Worker threads: for reading, for what ends in a signature, for what asks services outside\n"
		      "  # first (Intune), for long lists.\n"
		      "  #lane_read: 8\n"
		      "  #lane_sign: 16\n"
		      "  #lane_wait: 8\n"
		      "  #lane_batch: 2\n"
		      "  # Requests that may wait for each of them.\n"
		      "  #queue_read: 1024\n"
		      "  #queue_sign: 1024\n"
		      "  #queue_wait: 256\n"
		      "  #queue_batch: 256\n"
		      "  # Threads for the network. Left out: one for each core, four at most.\n"
		      "  #loops: 2\n"
		      "  # Memory for signed OCSP answers: KiB, MiB or GiB.\n"
		      "  #ocsp_cache: 64MiB\n"
		      "  # Orders that one ACME account may have open.\n"
		      "  #orders_per_account: 300\n"
		      "  # How long ended ACME orders and authorizations are kept after they expired. Certificates\n"
		      "  # and the audit log are kept for ever.\n"
		      "  #keep_finished: 30d\n");
}

char *config_template(struct arena *arena, const struct config_seed *seed)
{
	struct buf buf;
	buf_init(&buf, arena, 8192);
	put_head(&buf, seed);
	put_listen(&buf, seed);
	put_token(&buf, seed);
	put_cas(&buf);
	put_profiles(&buf);
	put_doors(&buf);
	put_scep(&buf);
	put_inner_doors(&buf);
	put_validation(&buf, seed);
	put_limits(&buf);
	return buf_as_text(&buf);
}
