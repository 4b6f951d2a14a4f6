// scepload sends SCEP messages that were made before (scepmessages.py), each once,
// from many clients at once, each on a connection of its own, and says how many
// were answered with a certificate per second and how long that took.
//
// The answers are looked at only as far as to see that they say SUCCESS: what is in
// them is encrypted, and to decrypt it would cost this machine as much as what is
// measured. That the certificates were made is seen in the server's store.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"sort"
	"sync"
	"sync/atomic"
	"time"
)

var (
	url         = flag.String("url", "", "URL of the endpoint")
	messages    = flag.String("messages", "", "file of messages, one behind the other")
	size        = flag.Int("size", 0, "octets of each")
	clientCount = flag.Int("clients", 8, "clients at once")
)

// pkiStatus SUCCESS, as a signed attribute in DER (RFC 8894 section 3.2.1.3).
var success = []byte("\x06\x0a\x60\x86\x48\x01\x86\xf8\x45\x01\x09\x03\x31\x03\x13\x01\x30")

func enrol(client *http.Client, message []byte) error {
	response, err := client.Post(*url+"?operation=PKIOperation", "application/x-pki-message", bytes.NewReader(message))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK || !bytes.Contains(body, success) {
		return fmt.Errorf("status %d, %d octets without SUCCESS", response.StatusCode, len(body))
	}
	return nil
}

type tally struct {
	sync.Mutex
	took   []float64
	failed int
	why    error
}

func (t *tally) add(err error, took time.Duration) {
	t.Lock()
	defer t.Unlock()
	if err != nil {
		t.failed++
		t.why = err
		return
	}
	t.took = append(t.took, float64(took.Microseconds())/1000)
}

func (t *tally) print(elapsed time.Duration) {
	sort.Float64s(t.took)
	at := func(part float64) float64 {
		if len(t.took) == 0 {
			return 0
		}
		return t.took[int(part*float64(len(t.took)-1))]
	}
	fmt.Printf("clients=%d enrolled=%d failed=%d rate=%.1f p50_ms=%.1f p99_ms=%.1f\n", *clientCount, len(t.took), t.failed,
		float64(len(t.took))/elapsed.Seconds(), at(0.5), at(0.99))
	if t.why != nil {
		fmt.Fprintln(os.Stderr, "scepload:", t.why)
	}
}

func main() {
	flag.Parse()
	all, err := os.ReadFile(*messages)
	if err != nil || *size <= 0 || len(all)%*size != 0 {
		fmt.Fprintln(os.Stderr, "scepload: no messages of this size:", err)
		os.Exit(2)
	}
	var next int64
	var results tally
	var clients sync.WaitGroup
	start := time.Now()
	for i := 0; i < *clientCount; i++ {
		clients.Add(1)
		go func() {
			defer clients.Done()
			client := &http.Client{Transport: &http.Transport{}, Timeout: 30 * time.Second}
			for {
				at := int(atomic.AddInt64(&next, 1)-1) * *size
				if at >= len(all) {
					return
				}
				began := time.Now()
				err := enrol(client, all[at:at+*size])
				results.add(err, time.Since(began))
			}
		}()
	}
	clients.Wait()
	results.print(time.Since(start))
	if results.failed > 0 {
		os.Exit(1)
	}
}
