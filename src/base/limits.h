/* Every limit of the house, each with its reason. */
#pragma once

/* HTTP front (rows H1-H3): what a client may make us hold. */
#define LIMIT_REQUEST_LINE 8192        /* an OCSP GET of a 4 KiB request, base64 and escaped, fits */
#define LIMIT_HEADER_BYTES 16384       /* all header lines together */
#define LIMIT_HEADER_COUNT 64          /* browsers send about 20 */
#define LIMIT_BODY_ACME 65536          /* a JWS with a 32 KiB CSR in it */
#define LIMIT_BODY_OCSP 4096           /* 20 CertIDs and a nonce */
#define LIMIT_BODY_API 262144          /* an operator's CSR or report */
#define LIMIT_HEAD_MS 10000            /* request head complete (slowloris) */
#define LIMIT_REQUEST_MS 60000         /* whole request read, answered and written */
#define LIMIT_IDLE_MS 30000            /* kept connection without a request */
#define LIMIT_CLIENT_CHAIN 8 /* certificates that a TLS client may show: a device's, and two or three above it */
#define LIMIT_HANDSHAKE_MS 10000       /* TLS handshake complete */
#define LIMIT_REQUESTS_PER_CONNECTION 10000 /* then close: spreads load over loops again */

/* JSON (J10). */
#define LIMIT_JSON_BYTES 1048576       /* our own backups of order rows stay below; bodies are capped before */
#define LIMIT_JSON_DEPTH 32            /* ACME needs 5 */

/* Configuration. */
#define LIMIT_CONFIG_BYTES 262144      /* the file that init writes has 8 KiB */
#define LIMIT_CONFIG_VALUES 4096       /* keys and list entries in it */
#define LIMIT_CONFIG_DEPTH 8           /* the schema needs 4 */

/* ACME. */
#define LIMIT_ORDER_IDENTIFIERS 100    /* Boulder's figure (N12) */
#define LIMIT_CONTACTS 10
#define LIMIT_CONTACT_BYTES 254        /* RFC 5321 path */
#define LIMIT_NONCE_WINDOW 1048576     /* nonces alive at once: a bitmap of 128 KiB */
#define LIMIT_NONCE_AGE_S 3600
#define LIMIT_NONCE_KEY_S 3600         /* nodes that share a store make nonces with one key for that long */
#define LIMIT_NONCE_KEYS 32            /* keys alive at once: three, and one more for each node that starts at the same moment */
#define LIMIT_NONCE_CLOCK_S 600        /* by which the clocks of nodes may differ before good nonces are refused */
#define LIMIT_NONCE_LOOK_MS 100        /* nonces of unknown keys cost one query in this time, however many come (F22) */
#define LIMIT_ACCOUNT_KEYS 1024        /* kept ready to verify with: some 2 KiB each */

/* EST. */
#define LIMIT_ANCHOR_FILE 16777216     /* a CRL of half a million devices; its signature is checked with each client */
#define LIMIT_BODY_EST 65536           /* a 32 KiB CSR in base64, with line breaks; or a CMS around it */
#define LIMIT_AUTHORIZATION_BYTES 2048 /* an Authorization header: a password has at most 256 bytes */
#define LIMIT_USER_NAME 64
#define LIMIT_PASSWORD_BYTES 256
#define LIMIT_KNOWN_CREDENTIALS 1024   /* passwords that need no scrypt again, of 40 bytes each */
#define LIMIT_KNOWN_CREDENTIAL_S 600
#define LIMIT_PASSWORD_CHECKS 8        /* scrypt at once: half of the threads that sign, and 128 MiB; more are told to come again */
#define LIMIT_DIGEST_NONCE_S 300       /* a client answers at once, and is told when it was too slow */
#define LIMIT_LOGIN_FAILURES 10        /* in a row, then the user is locked (E17) */
#define LIMIT_LOGIN_LOCK_S 900
#define LIMIT_CLIENT_RSA_BITS 8192     /* of the key of a TLS client certificate: on the loop its signature is checked */
#define LIMIT_CLIENT_RSA_EXPONENT 32   /* bits; everybody has 65537 */
#define LIMIT_KEYS_IN_MAKING 4         /* by serverkeygen at once: a quarter of the threads that sign */
#define LIMIT_EST_PENDING 1000         /* requests of one label that wait for an operator */
#define LIMIT_EST_PENDING_OF_ONE 100   /* of them, of one requester: a tenth, so that nobody fills a label alone */
#define LIMIT_EST_REPEAT_S 600         /* how long a repeated request finds its certificate again (E14) */
#define LIMIT_EST_REFUSALS 60          /* in the audit log, of one node in a minute; the next one tells how many more there were */

/* SCEP. */
#define LIMIT_BODY_SCEP 65536          /* a 32 KiB CSR, encrypted and signed, with the signer's certificate and those above it */
#define LIMIT_SCEP_TRANSACTION_ID 128  /* clients send the hash of a key in hex, or a UUID */
#define LIMIT_SCEP_PENDING 1000        /* requests of one endpoint that wait for an operator */
#define LIMIT_SCEP_PENDING_OF_ONE 100  /* of them, from one address, behind which a site may be */
#define LIMIT_SCEP_REPEAT_S 86400      /* how long a transaction that ended is answered again (SP12) */
#define LIMIT_SCEP_SKEW_S 86400        /* of a client's signingTime: clocks of devices are off by time zones */
#define LIMIT_SCEP_REFUSALS 60         /* in the audit log, of one node in a minute; the next one tells how many more there were */
#define LIMIT_SCEP_CHALLENGES 1000     /* that one user may have made and nobody has used */
#define LIMIT_INTUNE_SPARE 2           /* threads of lane_wait that questions never hold: for notices, and for who is told to come again */
#define LIMIT_INTUNE_OF_ENDPOINT 2     /* half of lane_wait may wait for one endpoint's questions */
#define LIMIT_INTUNE_OF_ADDRESS 4      /* a quarter for those from one address: anybody can have Microsoft asked */
#define LIMIT_SCEP_CRL_BYTES 1048576   /* a larger CRL is to be had by HTTP, without being encrypted for each who asks */

/* Keys and certificates (N6, N12, N13). */
#define LIMIT_RSA_MIN_BITS 2048
#define LIMIT_RSA_MAX_BITS 4096
#define LIMIT_CSR_BYTES 32768
#define LIMIT_CERTIFICATE_BYTES 65536

/* OCSP. */
#define LIMIT_OCSP_CERTIDS 20          /* per request; more is malformedRequest (O10) */
#define LIMIT_OCSP_MAX_AGE_S 60        /* caches in between: a revocation is seen everywhere within a minute (O15) */
#define LIMIT_OCSP_NONCE 128           /* RFC 9654 section 2.1 */

/* Frames between our own processes. */
#define LIMIT_FRAME_BYTES 1048576      /* largest: a DNS or HTTP answer with evidence */

/* Validation traffic (R4, R6): Boulder's figures. */
#define LIMIT_PROBE_REDIRECTS 10
#define LIMIT_PROBE_BODY 1024          /* key authorization is 87 bytes; white space may follow */
#define LIMIT_PROBE_HEADER_BYTES 65536
#define LIMIT_PROBE_URL 2000
#define LIMIT_PROBE_MS 10000           /* whole probe: DNS, connects, redirects, body */
#define LIMIT_PROBES_AT_ONCE 4096      /* sockets of the courier (R7) */

/* Calls to services that were configured (Intune). */
#define LIMIT_CALL_BODY 917504         /* an answer; with its head and a frame around it below LIMIT_FRAME_BYTES */
#define LIMIT_CALL_REQUEST 524288      /* what we send: the results of 500 revocations */
#define LIMIT_CALL_TRUST 262144        /* PEM: the system's own store has about as much */
#define LIMIT_CALL_URL 2000
#define LIMIT_CALL_HEADER 16384        /* one header of ours: an access token of Microsoft's has about 2 KiB */
#define LIMIT_CALL_HEADER_BYTES 65536  /* all headers of an answer */
#define LIMIT_CALL_MS 120000           /* the longest timeout that can be configured, and what a steward's task may take */
#define LIMIT_CALLS_AT_ONCE 320        /* every thread of the widest lane that waits, and some */

/* Shutdown. */
#define LIMIT_DRAIN_MS 30000           /* F35 */
