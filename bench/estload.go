// estload renews a device's certificate by EST (RFC 7030 section 4.2.2) again and
// again, from many clients at once, by mutual TLS 1.3, and says how many renewals there
// were per second and how long they took: each on a connection of its own with a full
// handshake, or all of a client's on one.
//
// All clients are the same device with the same key, and every request is signed anew,
// so that each is another one, and the client's own cost is small: one signature, and
// its side of the handshake. That the certificate is for its key is seen in the answer.
package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"sort"
	"strings"
	"sync"
	"time"
)

var (
	url         = flag.String("url", "", "URL of simplereenroll, at the port that asks for certificates")
	rootsFile   = flag.String("ca", "", "PEM file with the root of the server's TLS certificate")
	certFile    = flag.String("cert", "", "PEM file of the device's certificate")
	keyFile     = flag.String("key", "", "PEM file of its key, ECDSA")
	commonName  = flag.String("name", "", "its common name")
	clientCount = flag.Int("clients", 8, "clients at once")
	duration    = flag.Duration("time", 5*time.Second, "how long new renewals are begun")
	isKept      = flag.Bool("kept", false, "one connection for each client, instead of one for each renewal")
)

type device struct {
	roots *x509.CertPool
	pair  tls.Certificate
	spki  []byte
}

func newDevice() (*device, error) {
	pem, err := os.ReadFile(*rootsFile)
	if err != nil {
		return nil, err
	}
	d := &device{roots: x509.NewCertPool()}
	d.roots.AppendCertsFromPEM(pem)
	if d.pair, err = tls.LoadX509KeyPair(*certFile, *keyFile); err != nil {
		return nil, err
	}
	d.spki, err = x509.MarshalPKIXPublicKey(d.pair.PrivateKey.(*ecdsa.PrivateKey).Public())
	return d, err
}

func (d *device) newClient() *http.Client {
	config := &tls.Config{RootCAs: d.roots, Certificates: []tls.Certificate{d.pair}, MinVersion: tls.VersionTLS13}
	return &http.Client{
		Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: !*isKept, MaxIdleConnsPerHost: 1},
		Timeout:   time.Minute,
	}
}

func (d *device) renew(client *http.Client) error {
	template := &x509.CertificateRequest{Subject: pkix.Name{CommonName: *commonName}}
	csr, err := x509.CreateCertificateRequest(rand.Reader, template, d.pair.PrivateKey)
	if err != nil {
		return err
	}
	answer, err := client.Post(*url, "application/pkcs10", strings.NewReader(base64.StdEncoding.EncodeToString(csr)))
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d: %s", answer.StatusCode, body)
	}
	der, err := base64.StdEncoding.DecodeString(string(body))
	if err == nil && !bytes.Contains(der, d.spki) {
		err = errors.New("the certificate has another key")
	}
	return err
}

// tally is written by all clients.
type tally struct {
	sync.Mutex
	took   []float64
	failed int
	why    error
}

func (t *tally) add(took time.Duration, err error) {
	t.Lock()
	defer t.Unlock()
	if err != nil {
		t.failed++
		t.why = err
		return
	}
	t.took = append(t.took, float64(took.Microseconds())/1000)
}

func (t *tally) percentile(p int) float64 {
	if len(t.took) == 0 {
		return 0
	}
	return t.took[len(t.took)*p/100]
}

func (t *tally) print(elapsed time.Duration) {
	sort.Float64s(t.took)
	fmt.Printf("clients=%d enrolled=%d failed=%d rate=%.1f p50_ms=%.1f p99_ms=%.1f\n", *clientCount, len(t.took), t.failed,
		float64(len(t.took))/elapsed.Seconds(), t.percentile(50), t.percentile(99))
	if t.why != nil {
		fmt.Fprintln(os.Stderr, "estload:", t.why)
	}
}

func main() {
	flag.Parse()
	d, err := newDevice()
	if err != nil {
		fmt.Fprintln(os.Stderr, "estload:", err)
		os.Exit(2)
	}
	var results tally
	var all sync.WaitGroup
	start := time.Now()
	for i := 0; i < *clientCount; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			client := d.newClient()
			for time.Since(start) < *duration {
				begun := time.Now()
				err := d.renew(client)
				results.add(time.Since(begun), err)
			}
		}()
	}
	all.Wait()
	results.print(time.Since(start))
	if results.failed > 0 {
		os.Exit(1)
	}
}
