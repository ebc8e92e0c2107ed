// Command etcdbench puts values into an etcd for a while and prints what it achieved, as one line of JSON.
// It is the peer's half of `./x bench`: closed loop, one TCP connection with TLS per client, every put acknowledged.
package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"sort"
	"strings"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

type result struct {
	Operations int     `json:"operations"`
	Seconds    float64 `json:"seconds"`
	P50Ms      float64 `json:"p50_ms"`
	P99Ms      float64 `json:"p99_ms"`
}

func main() {
	endpoint := flag.String("endpoint", "https://127.0.0.1:2379", "client URL of the etcd")
	connections := flag.Int("connections", 64, "clients, each with a connection of its own")
	size := flag.Int("bytes", 1024, "size of each value")
	duration := flag.Duration("for", 5*time.Second, "how long to put")
	flag.Parse()
	measured, err := run(*endpoint, *connections, *size, *duration)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if err := json.NewEncoder(os.Stdout).Encode(measured); err != nil {
		os.Exit(1)
	}
}

func run(endpoint string, connections, size int, duration time.Duration) (result, error) {
	// The etcd runs with --auto-tls: its certificate is made at start and signed by nobody. Only encryption is measured.
	security := &tls.Config{InsecureSkipVerify: true}
	value := strings.Repeat("x", size)
	clients := make([]*clientv3.Client, connections)
	for i := range clients {
		client, err := clientv3.New(clientv3.Config{Endpoints: []string{endpoint}, TLS: security, DialTimeout: 5 * time.Second})
		if err != nil {
			return result{}, err
		}
		defer client.Close()
		if _, err := client.Put(context.Background(), fmt.Sprintf("/warm/%d", i), value); err != nil {
			return result{}, err
		}
		clients[i] = client
	}
	var wait sync.WaitGroup
	latencies := make([][]float64, connections)
	failures := make([]error, connections)
	start := time.Now()
	for i, client := range clients {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for n := 0; time.Since(start) < duration; n++ {
				began := time.Now()
				if _, err := client.Put(context.Background(), fmt.Sprintf("/bench/%d/%d", i, n), value); err != nil {
					failures[i] = err
					return
				}
				latencies[i] = append(latencies[i], float64(time.Since(began).Microseconds())/1000)
			}
		}()
	}
	wait.Wait()
	seconds := time.Since(start).Seconds()
	var all []float64
	for i := range latencies {
		if failures[i] != nil {
			return result{}, failures[i]
		}
		all = append(all, latencies[i]...)
	}
	sort.Float64s(all)
	at := func(share float64) float64 { return all[int(share*float64(len(all)-1))] }
	return result{Operations: len(all), Seconds: seconds, P50Ms: at(0.50), P99Ms: at(0.99)}, nil
}
