// est_client speaks EST (RFC 7030) with Go's own TLS and HTTP, for conformance/est_go.sh: renewal by mutual TLS with
// each version of TLS, and requests that are tied to their connection, by tls-unique (RFC 5929) with TLS 1.2 and by
// tls-exporter (RFC 9266) with TLS 1.3. Nothing but the standard library; Go 1.19 is enough.
//
// It prints "ok - NAME" and "not ok - NAME"; what else it prints is explanation.
package main

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"strings"
	"time"
)

var (
	port        = flag.Int("port", 0, "the port that asks for certificates, on localhost")
	rootsFile   = flag.String("roots", "", "PEM file with the root of the server's certificate")
	certificate = flag.String("cert", "", "PEM file of a device's certificate")
	keyFile     = flag.String("key", "", "PEM file with its key")
	subject     = flag.String("name", "", "its common name")
	user        = flag.String("user", "", "a user of the label bound; the password comes on standard input")
)

const wellKnown = "/.well-known/est"

func check(name string, holds bool, why ...interface{}) {
	if holds {
		fmt.Println("ok -", name)
		return
	}
	fmt.Println(why...)
	fmt.Println("not ok -", name)
}

func must(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// ---- requests ----

// attribute is that of PKCS #10 (RFC 2986 section 4): x509.CertificateRequest has no challengePassword of its own.
type attribute struct {
	Type   asn1.ObjectIdentifier
	Values []asn1.RawValue `asn1:"set"`
}

type requestInfo struct {
	Version    int
	Subject    asn1.RawValue
	PublicKey  asn1.RawValue
	Attributes []attribute `asn1:"tag:0,set"`
}

type request struct {
	Info      asn1.RawValue
	Algorithm pkix.AlgorithmIdentifier
	Signature asn1.BitString
}

var (
	challengePassword = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 7}
	ecdsaWithSHA256   = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}
)

// newRequest is a CSR for a new key, tied by `binding` where there is one; in DER.
func newRequest(name string, binding []byte) ([]byte, *ecdsa.PrivateKey) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	template := &x509.CertificateRequest{Subject: pkix.Name{CommonName: name}}
	plain, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	must(err)
	if binding == nil {
		return plain, key
	}
	return withChallenge(plain, key, base64.StdEncoding.EncodeToString(binding)), key
}

func sign(key *ecdsa.PrivateKey, data []byte) []byte {
	digest := sha256.Sum256(data)
	signature, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	must(err)
	return signature
}

// withChallenge signs the request again, with this attribute in it.
func withChallenge(plain []byte, key *ecdsa.PrivateKey, text string) []byte {
	parsed, err := x509.ParseCertificateRequest(plain)
	must(err)
	value, err := asn1.MarshalWithParams(text, "printable")
	must(err)
	info, err := asn1.Marshal(requestInfo{
		Subject:    asn1.RawValue{FullBytes: parsed.RawSubject},
		PublicKey:  asn1.RawValue{FullBytes: parsed.RawSubjectPublicKeyInfo},
		Attributes: []attribute{{challengePassword, []asn1.RawValue{{FullBytes: value}}}},
	})
	must(err)
	signature := sign(key, info)
	der, err := asn1.Marshal(request{
		Info:      asn1.RawValue{FullBytes: info},
		Algorithm: pkix.AlgorithmIdentifier{Algorithm: ecdsaWithSHA256},
		Signature: asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)},
	})
	must(err)
	return der
}

// ---- connections ----

func tlsConfig(version uint16, withCertificate bool) *tls.Config {
	pem, err := os.ReadFile(*rootsFile)
	must(err)
	config := &tls.Config{RootCAs: x509.NewCertPool(), ServerName: "localhost", MinVersion: version, MaxVersion: version}
	config.RootCAs.AppendCertsFromPEM(pem)
	if withCertificate {
		pair, err := tls.LoadX509KeyPair(*certificate, *keyFile)
		must(err)
		config.Certificates = []tls.Certificate{pair}
	}
	return config
}

// door is one connection, on which requests are written as http.Client would not: it does not say which one it uses.
type door struct {
	conn   *tls.Conn
	reader *bufio.Reader
}

func open(version uint16, withCertificate bool) *door {
	conn, err := tls.Dial("tcp", fmt.Sprintf("localhost:%d", *port), tlsConfig(version, withCertificate))
	must(err)
	must(conn.SetDeadline(time.Now().Add(2 * time.Minute)))
	return &door{conn, bufio.NewReader(conn)}
}

// post returns status and body.
func (d *door) post(path string, csr []byte, password string) (int, string) {
	body := base64.StdEncoding.EncodeToString(csr)
	r, err := http.NewRequest("POST", fmt.Sprintf("https://localhost:%d%s", *port, path), strings.NewReader(body))
	must(err)
	r.Header.Set("Content-Type", "application/pkcs10")
	if password != "" {
		r.SetBasicAuth(*user, password)
	}
	must(r.Write(d.conn))
	answer, err := http.ReadResponse(d.reader, r)
	must(err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	must(err)
	return answer.StatusCode, string(text)
}

// isFor: the answer has one certificate, for this key. It is found in the certs-only message as it stands: no package of
// the standard library reads CMS.
func isFor(body string, key *ecdsa.PrivateKey) bool {
	der, err := base64.StdEncoding.DecodeString(body)
	must(err)
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	must(err)
	return bytes.Count(der, spki) == 1
}

// ---- what is tried ----

func renewals(version uint16, label string) {
	d := open(version, true)
	defer d.conn.Close()
	for i := 1; i <= 3; i++ {
		csr, key := newRequest(*subject, nil)
		status, body := d.post(wellKnown+"/simplereenroll", csr, "")
		check(fmt.Sprintf("renewal %d on one connection of TLS %s", i, label), status == 200 && isFor(body, key), status, body)
	}
	csr, _ := newRequest("somebody-else", nil)
	status, body := d.post(wellKnown+"/simplereenroll", csr, "")
	check("another name is refused with TLS "+label+" (E6)", status == 403, status, body)

	client := &http.Client{Transport: &http.Transport{TLSClientConfig: tlsConfig(version, true)}, Timeout: 2 * time.Minute}
	csr, key := newRequest(*subject, nil)
	answer, err := client.Post(fmt.Sprintf("https://localhost:%d%s/simplereenroll", *port, wellKnown), "application/pkcs10",
		strings.NewReader(base64.StdEncoding.EncodeToString(csr)))
	must(err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	must(err)
	check("http.Client renews with TLS "+label, answer.StatusCode == 200 && isFor(string(text), key), answer.Status, string(text))

	bare := open(version, false)
	defer bare.conn.Close()
	csr, _ = newRequest(*subject, nil)
	status, body = bare.post(wellKnown+"/simplereenroll", csr, "")
	check("without its certificate it does not, with TLS "+label, status == 403, status, body)
}

func exporter(d *door) []byte {
	state := d.conn.ConnectionState()
	value, err := state.ExportKeyingMaterial("EXPORTER-Channel-Binding", nil, 32)
	must(err)
	return value
}

func unique(d *door) []byte {
	return d.conn.ConnectionState().TLSUnique
}

// uniqueStatus: tls-unique ties nothing without an extended master secret (RFC 7627), which Go has from 1.20 on; the
// server takes none of a connection without it.
func uniqueStatus() int {
	var minor int
	if n, _ := fmt.Sscanf(runtime.Version(), "go1.%d", &minor); n == 1 && minor < 20 {
		return 403
	}
	return 200
}

func ties(version uint16, label, kind, password string, binding func(*door) []byte, expected int) {
	one, other := open(version, false), open(version, false)
	defer one.conn.Close()
	defer other.conn.Close()
	ask := func(value []byte) (int, string) {
		csr, _ := newRequest(*user, value)
		return one.post(wellKnown+"/bound/simpleenroll", csr, password)
	}
	status, body := ask(nil)
	check("with TLS "+label+" a request without a tie is refused (E5)", status == 403, status, body)
	status, body = ask(binding(other))
	check("and one that is tied to another connection (S9)", status == 403, status, body)
	status, body = ask(binding(one))
	check(fmt.Sprintf("its own %s gets %d (%s)", kind, expected, runtime.Version()), status == expected, status, body)
	csr, _ := newRequest(*user, binding(one))
	status, body = other.post(wellKnown+"/bound/simpleenroll", csr, password)
	check("but not on another connection", status == 403, status, body)
}

// tiedRenewal: both proofs on one connection, a certificate and a tie.
func tiedRenewal(version uint16, label string, binding func(*door) []byte, expected int) {
	d := open(version, true)
	defer d.conn.Close()
	csr, key := newRequest(*subject, binding(d))
	status, body := d.post(wellKnown+"/simplereenroll", csr, "")
	check(fmt.Sprintf("a renewal that is tied gets %d, with TLS %s", expected, label),
		status == expected && (status != 200 || isFor(body, key)), status, body)
	csr, _ = newRequest(*subject, []byte("something else"))
	status, body = d.post(wellKnown+"/simplereenroll", csr, "")
	check("and not by a tie that is wrong, with TLS "+label, status == 403, status, body)
}

func main() {
	flag.Parse()
	password, err := bufio.NewReader(os.Stdin).ReadString('\n')
	must(err)
	password = strings.TrimSpace(password)
	renewals(tls.VersionTLS12, "1.2")
	renewals(tls.VersionTLS13, "1.3")
	ties(tls.VersionTLS12, "1.2", "tls-unique", password, unique, uniqueStatus())
	ties(tls.VersionTLS13, "1.3", "tls-exporter", password, exporter, 200)
	tiedRenewal(tls.VersionTLS12, "1.2", unique, uniqueStatus())
	tiedRenewal(tls.VersionTLS13, "1.3", exporter, 200)
	none := open(tls.VersionTLS13, false)
	defer none.conn.Close()
	check("Go has no tls-unique with TLS 1.3", len(unique(none)) == 0)
}
