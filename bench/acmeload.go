// acmeload makes complete ACME issuances (RFC 8555) against any directory, from
// many clients at once, and says how many there were per second, how long they
// took, and what they cost the server's processes in CPU time.
//
// One issuance is what a client does that renews: a new order, its authorization,
// a prepared http-01 challenge, the authorization until it is valid, finalize with
// a fresh CSR, the download of the chain, and the check that the chain is for this
// name and key. That is six signed requests, and more only where the answer has to
// be asked for again. Accounts are made before the clock starts. The answers to all
// http-01 probes come from one listener in this program.
//
// It has no ACME library below it, so that neither the waiting times nor the
// retries of one are measured.
package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

var (
	directoryURL = flag.String("directory", "", "URL of the ACME directory")
	caFile       = flag.String("ca", "", "PEM file with the root of the server's TLS certificate")
	clientCount  = flag.Int("clients", 8, "clients at once, each with an account and a connection of its own")
	duration     = flag.Duration("time", 5*time.Second, "how long new issuances are begun")
	responder    = flag.String("http01", "127.0.0.1:5002", "address for the answers to http-01")
	domain       = flag.String("domain", "bench.test", "names are made below this one")
	pidList      = flag.String("pids", "", "processes whose CPU time is counted, with commas")
	nodeList     = flag.String("nodes", "", "addresses of the nodes, with commas: each request goes to the next one, whatever its URL says")
)

// patience with one authorization or order before it counts as a failure.
const patience = 30 * time.Second

// signedRequests counts the POSTs of all clients.
var signedRequests int64

type directory struct {
	NewNonce   string `json:"newNonce"`
	NewAccount string `json:"newAccount"`
	NewOrder   string `json:"newOrder"`
}

type order struct {
	Status         string
	Authorizations []string
	Finalize       string
	Certificate    string
}

type challenge struct {
	Type, URL, Token string
}

type authorization struct {
	Status     string
	Challenges []challenge
}

// ---- answers to http-01 ----

// expected is what a probe is answered with, and how its client hears of it.
type expected struct {
	keyAuthorization string
	asked            chan struct{}
}

var expectations sync.Map // path -> *expected

func answerProbe(w http.ResponseWriter, r *http.Request) {
	found, ok := expectations.Load(r.URL.Path)
	if !ok {
		http.NotFound(w, r)
		return
	}
	e := found.(*expected)
	io.WriteString(w, e.keyAuthorization)
	select {
	case e.asked <- struct{}{}:
	default:
	}
}

// ---- one client ----

type client struct {
	http       *http.Client
	directory  directory
	accountKey *ecdsa.PrivateKey
	jwk        string // public key in the form of RFC 7638, members in order
	account    string // its URL, once there is one
	nonce      string
	leafKey    *ecdsa.PrivateKey
}

func base64url(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// roundRobin sends each request of a client to the next node, on a kept connection of its own.
type roundRobin struct {
	nodes []*http.Transport
	next  int
}

func (r *roundRobin) RoundTrip(request *http.Request) (*http.Response, error) {
	node := r.nodes[r.next%len(r.nodes)]
	r.next++
	return node.RoundTrip(request)
}

func newTransport(roots *x509.CertPool, first int) http.RoundTripper {
	plain := func() *http.Transport {
		return &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, MaxIdleConnsPerHost: 1}
	}
	if *nodeList == "" {
		return plain()
	}
	r := &roundRobin{next: first}
	for _, address := range strings.Split(*nodeList, ",") {
		to, node := address, plain()
		node.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, to)
		}
		r.nodes = append(r.nodes, node)
	}
	return r
}

func newClient(roots *x509.CertPool, first int) (*client, error) {
	accountKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	leafKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	x, y := make([]byte, 32), make([]byte, 32)
	return &client{
		http:       &http.Client{Transport: newTransport(roots, first), Timeout: patience},
		accountKey: accountKey,
		leafKey:    leafKey,
		jwk: fmt.Sprintf(`{"crv":"P-256","kty":"EC","x":"%s","y":"%s"}`,
			base64url(accountKey.X.FillBytes(x)), base64url(accountKey.Y.FillBytes(y))),
	}, nil
}

// signed is the JWS of RFC 8555 section 6.2; a nil payload is a POST-as-GET.
func (c *client) signed(url string, payload interface{}) ([]byte, error) {
	by := `"kid":"` + c.account + `"`
	if c.account == "" {
		by = `"jwk":` + c.jwk
	}
	text := []byte{}
	if payload != nil {
		var err error
		if text, err = json.Marshal(payload); err != nil {
			return nil, err
		}
	}
	protected := base64url([]byte(fmt.Sprintf(`{"alg":"ES256",%s,"nonce":"%s","url":"%s"}`, by, c.nonce, url)))
	body := base64url(text)
	digest := sha256.Sum256([]byte(protected + "." + body))
	r, s, err := ecdsa.Sign(rand.Reader, c.accountKey, digest[:])
	if err != nil {
		return nil, err
	}
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return []byte(fmt.Sprintf(`{"protected":"%s","payload":"%s","signature":"%s"}`, protected, body, base64url(signature))), nil
}

// post sends a signed request, reads the answer into `into` where that is a JSON value, and returns Location and body.
func (c *client) post(url string, payload, into interface{}) (string, []byte, error) {
	if c.nonce == "" {
		response, err := c.http.Head(c.directory.NewNonce)
		if err != nil {
			return "", nil, err
		}
		response.Body.Close()
		c.nonce = response.Header.Get("Replay-Nonce")
	}
	body, err := c.signed(url, payload)
	c.nonce = ""
	if err != nil {
		return "", nil, err
	}
	atomic.AddInt64(&signedRequests, 1)
	response, err := c.http.Post(url, "application/jose+json", bytes.NewReader(body))
	if err != nil {
		return "", nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return "", nil, err
	}
	c.nonce = response.Header.Get("Replay-Nonce")
	if response.StatusCode >= 300 {
		return "", nil, fmt.Errorf("status %d: %s", response.StatusCode, answer)
	}
	if into != nil {
		err = json.Unmarshal(answer, into)
	}
	return response.Header.Get("Location"), answer, err
}

func (c *client) register() error {
	response, err := c.http.Get(*directoryURL)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if err = json.NewDecoder(response.Body).Decode(&c.directory); err != nil {
		return err
	}
	c.account, _, err = c.post(c.directory.NewAccount, map[string]interface{}{"termsOfServiceAgreed": true}, nil)
	return err
}

// until asks for an object again, ever more slowly, until `isDone` or failure.
func (c *client) until(url string, object interface{}, isDone func() (bool, error)) error {
	pause := firstPause()
	for end := time.Now().Add(patience); time.Now().Before(end); pause *= 2 {
		time.Sleep(pause)
		if _, _, err := c.post(url, nil, object); err != nil {
			return err
		}
		if done, err := isDone(); done || err != nil {
			return err
		}
	}
	return errors.New("still not done: " + url)
}

// firstPause grows with the load, as a server's answers take longer then: real clients
// wait for seconds and ask once, and a test must not make its figure from needless questions.
func firstPause() time.Duration {
	return time.Duration(2+*clientCount) * time.Millisecond
}

func (c *client) authorize(url string) error {
	var a authorization
	if _, _, err := c.post(url, nil, &a); err != nil || a.Status == "valid" {
		return err
	}
	for _, ch := range a.Challenges {
		if ch.Type == "http-01" {
			return c.fulfil(url, &a, ch)
		}
	}
	return errors.New("no http-01 challenge is offered")
}

func (c *client) fulfil(url string, a *authorization, ch challenge) error {
	thumbprint := sha256.Sum256([]byte(c.jwk))
	path := "/.well-known/acme-challenge/" + ch.Token
	e := &expected{ch.Token + "." + base64url(thumbprint[:]), make(chan struct{}, 1)}
	expectations.Store(path, e)
	defer expectations.Delete(path)
	if _, _, err := c.post(ch.URL, struct{}{}, nil); err != nil {
		return err
	}
	select {
	case <-e.asked:
	case <-time.After(patience):
		return errors.New("no probe came")
	}
	return c.until(url, a, func() (bool, error) {
		if a.Status == "invalid" {
			return false, errors.New("the authorization is invalid")
		}
		return a.Status == "valid", nil
	})
}

func (c *client) finalize(o *order, at string, name string) error {
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: []string{name}}, c.leafKey)
	if err != nil {
		return err
	}
	if _, _, err = c.post(o.Finalize, map[string]string{"csr": base64url(csr)}, o); err != nil {
		return err
	}
	if o.Status == "valid" {
		return nil
	}
	return c.until(at, o, func() (bool, error) {
		if o.Status == "invalid" {
			return false, errors.New("the order is invalid")
		}
		return o.Status == "valid", nil
	})
}

// download fetches the chain; the leaf must be for the name and the key.
func (c *client) download(url, name string) error {
	_, chain, err := c.post(url, nil, nil)
	if err != nil {
		return err
	}
	block, _ := pem.Decode(chain)
	if block == nil {
		return errors.New("the chain is no PEM")
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return err
	}
	if !c.leafKey.PublicKey.Equal(leaf.PublicKey) {
		return errors.New("the certificate has another key")
	}
	return leaf.VerifyHostname(name)
}

func (c *client) issue(name string) error {
	var o order
	wanted := map[string]interface{}{"identifiers": []map[string]string{{"type": "dns", "value": name}}}
	at, _, err := c.post(c.directory.NewOrder, wanted, &o)
	if err != nil {
		return fmt.Errorf("new order: %w", err)
	}
	for _, url := range o.Authorizations {
		if err = c.authorize(url); err != nil {
			return fmt.Errorf("authorization: %w", err)
		}
	}
	if err = c.finalize(&o, at, name); err != nil {
		return fmt.Errorf("finalize: %w", err)
	}
	if err = c.download(o.Certificate, name); err != nil {
		return fmt.Errorf("certificate: %w", err)
	}
	return nil
}

// ---- all of them ----

// cpuTimes that the processes have used so far: utime and stime of /proc/PID/stat, in ticks of 10 ms.
func cpuTimes() (map[string]int64, error) {
	times := map[string]int64{}
	for _, pid := range strings.FieldsFunc(*pidList, func(r rune) bool { return r == ',' }) {
		stat, err := os.ReadFile("/proc/" + pid + "/stat")
		if err != nil {
			continue // a process of the database that has ended
		}
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		for _, field := range fields[11:13] {
			n, err := strconv.ParseInt(field, 10, 64)
			if err != nil {
				return nil, err
			}
			times[pid] += n
		}
	}
	return times, nil
}

// between is what the processes used that were there all the time.
func between(before, after map[string]int64) time.Duration {
	var ticks int64
	for pid, n := range after {
		ticks += n - before[pid]
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// tally is written by all clients.
type tally struct {
	sync.Mutex
	took     []time.Duration
	failed   int
	failures map[string]int
}

func (t *tally) add(took time.Duration, err error) {
	t.Lock()
	defer t.Unlock()
	if err == nil {
		t.took = append(t.took, took)
		return
	}
	t.failed++
	t.failures[err.Error()]++
}

func (t *tally) percentile(p int) float64 {
	if len(t.took) == 0 {
		return 0
	}
	return float64(t.took[len(t.took)*p/100].Microseconds()) / 1000
}

func (t *tally) print(elapsed, cpu time.Duration) {
	sort.Slice(t.took, func(i, j int) bool { return t.took[i] < t.took[j] })
	issued := float64(len(t.took))
	per := issued
	if per == 0 {
		per = 1
	}
	fmt.Printf("clients=%d issued=%d failed=%d rate=%.1f p50_ms=%.1f p99_ms=%.1f posts=%.2f cpu_ms=%.3f\n", *clientCount,
		len(t.took), t.failed, issued/elapsed.Seconds(), t.percentile(50), t.percentile(99),
		float64(signedRequests)/per, cpu.Seconds()*1000/per)
	for failure, n := range t.failures {
		fmt.Fprintf(os.Stderr, "acmeload: %d × %s\n", n, failure)
	}
}

// eachClient runs f for all clients at once and waits for them.
func eachClient(clients []*client, f func(i int, c *client)) {
	var all sync.WaitGroup
	for i, c := range clients {
		all.Add(1)
		go func(i int, c *client) {
			defer all.Done()
			f(i, c)
		}(i, c)
	}
	all.Wait()
}

func run() error {
	pem, err := os.ReadFile(*caFile)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	listener, err := net.Listen("tcp", *responder)
	if err != nil {
		return err
	}
	go http.Serve(listener, http.HandlerFunc(answerProbe))

	clients := make([]*client, *clientCount)
	for i := range clients {
		if clients[i], err = newClient(roots, i); err != nil {
			return err
		}
	}
	t := tally{failures: map[string]int{}}
	eachClient(clients, func(_ int, c *client) {
		if err := c.register(); err != nil {
			t.add(0, fmt.Errorf("register: %w", err))
		}
	})
	if t.failed > 0 {
		t.print(time.Second, 0)
		return errors.New("not all accounts could be made")
	}

	signedRequests = 0
	runID := time.Now().UnixNano()
	before, err := cpuTimes()
	if err != nil {
		return err
	}
	start := time.Now()
	eachClient(clients, func(i int, c *client) {
		for k := 0; time.Since(start) < *duration; k++ {
			begun := time.Now()
			err := c.issue(fmt.Sprintf("h%d-%d-%x.%s", i, k, runID, *domain))
			t.add(time.Since(begun), err)
		}
	})
	elapsed := time.Since(start)
	after, err := cpuTimes()
	if err != nil {
		return err
	}
	t.print(elapsed, between(before, after))
	if t.failed > 0 {
		return errors.New("not all issuances succeeded")
	}
	return nil
}

func main() {
	flag.Parse()
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "acmeload:", err)
		os.Exit(1)
	}
}
