// main.go -- the rows in plain Go: goroutines as processes, channels as mailboxes. No addresses,
// no isolation, no supervision: a lower bound for what a runtime adds.
// Run by run.sh: ./run.sh ROW N    prints `row go metric value unit`.
//
// A channel of capacity 0 carries a rendezvous (pingpong, ring, call); where the actor peers queue
// messages (fanin, fanout) the mailbox is a channel of capacity 1024: a Go
// program never has an unbounded one, so these rows have back pressure that the actor peers lack.
package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

const mbox = 1024

func peer() string {
	if p := os.Getenv("BENCH_PEER"); p != "" {
		return p
	}
	return "go"
}
func out(name, metric string, v float64, unit string) {
	fmt.Printf("%s %s %s %.4f %s\n", name, peer(), metric, v, unit)
}
func ns(d time.Duration) float64 { return float64(d.Nanoseconds()) }
func rate(n int, d time.Duration) float64 {
	return float64(n) * 1e9 / float64(d.Nanoseconds())
}

type msg struct {
	tag int
	val int
}

// ---- pingpong
func pong(in, out chan msg) {
	for m := range in {
		out <- msg{2, m.val}
	}
}
func ping(a, b chan msg, n int) {
	for i := n; i > 0; i-- {
		a <- msg{1, i}
		<-b
	}
	close(a)
}
func pingpong(n, capacity int) time.Duration {
	a, b := make(chan msg, capacity), make(chan msg, capacity)
	go pong(a, b)
	done := make(chan bool)
	t := time.Now()
	go func() { ping(a, b, n/2); done <- true }()
	<-done
	return time.Since(t)
}
func many(pairs, n int) time.Duration {
	per := n / pairs / 2
	start := make(chan bool)
	var wg sync.WaitGroup
	for i := 0; i < pairs; i++ {
		a, b := make(chan msg), make(chan msg)
		go pong(a, b)
		wg.Add(1)
		go func() { <-start; ping(a, b, per); wg.Done() }()
	}
	t := time.Now()
	close(start)
	wg.Wait()
	return time.Since(t)
}

// ---- ring
func ring(k, n int) time.Duration {
	done := make(chan bool)
	first := make(chan msg)
	in := first
	for i := 0; i < k; i++ {
		o := first
		if i < k-1 {
			o = make(chan msg)
		}
		go func(in, o chan msg) {
			for m := range in {
				if m.tag == 9 {
					return
				}
				if m.val == 0 {
					done <- true
					return
				}
				o <- msg{1, m.val - 1}
			}
		}(in, o)
		in = o
	}
	t := time.Now()
	first <- msg{1, n}
	<-done
	return time.Since(t)
}

// ---- fanin, fanout
func fanin(senders, n int) time.Duration {
	per := n / senders
	ch := make(chan msg, mbox)
	done := make(chan bool)
	go func() {
		for i := 0; i < per*senders; i++ {
			<-ch
		}
		done <- true
	}()
	start := make(chan bool)
	for i := 0; i < senders; i++ {
		go func() {
			<-start
			for j := 0; j < per; j++ {
				ch <- msg{1, j}
			}
		}()
	}
	t := time.Now()
	close(start)
	<-done
	return time.Since(t)
}
func fanout(rs, n int) time.Duration {
	per := n / rs
	chs := make([]chan msg, rs)
	var wg sync.WaitGroup
	for i := range chs {
		chs[i] = make(chan msg, mbox)
		wg.Add(1)
		go func(c chan msg) {
			for j := 0; j < per; j++ {
				<-c
			}
			wg.Done()
		}(chs[i])
	}
	t := time.Now()
	go func() {
		for j := 0; j < per; j++ {
			for _, c := range chs {
				c <- msg{1, j}
			}
		}
	}()
	wg.Wait()
	return time.Since(t)
}

// ---- call
type req struct {
	op    int
	reply chan int
}
type server struct{ in chan req }

func newServer() *server {
	s := &server{make(chan req)}
	go func() {
		st := 0
		for r := range s.in {
			st++
			r.reply <- st
		}
	}()
	return s
}

// call is what users write: a context with a 5 s deadline around the request and the reply
func (s *server) call(op int) int {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	r := req{op, make(chan int, 1)}
	select {
	case s.in <- r:
	case <-ctx.Done():
		panic("timeout")
	}
	select {
	case v := <-r.reply:
		return v
	case <-ctx.Done():
		panic("timeout")
	}
}

// callFast keeps one reply channel and one timer per client: the careful version
type client struct {
	reply chan int
	timer *time.Timer
}

func newClient() *client { return &client{make(chan int, 1), time.NewTimer(time.Hour)} }
func (c *client) call(s *server, op int) int {
	if !c.timer.Stop() {
		select {
		case <-c.timer.C:
		default:
		}
	}
	c.timer.Reset(5 * time.Second)
	select {
	case s.in <- req{op, c.reply}:
	case <-c.timer.C:
		panic("timeout")
	}
	select {
	case v := <-c.reply:
		return v
	case <-c.timer.C:
		panic("timeout")
	}
}
func calls(s *server, n int) {
	for i := 0; i < n; i++ {
		s.call(1)
	}
}
func callsFast(s *server, n int) {
	c := newClient()
	for i := 0; i < n; i++ {
		c.call(s, 1)
	}
}
func clients(c int, f func(i int)) time.Duration {
	start := make(chan bool)
	var wg sync.WaitGroup
	for i := 0; i < c; i++ {
		wg.Add(1)
		go func(i int) { <-start; f(i); wg.Done() }(i)
	}
	t := time.Now()
	close(start)
	wg.Wait()
	return time.Since(t)
}

// ---- spawn, skynet
func skynet(c chan int, num, size int) {
	if size == 1 {
		c <- num
		return
	}
	rc := make(chan int)
	sum := 0
	for i := 0; i < 10; i++ {
		sub := num + i*(size/10)
		go skynet(rc, sub, size/10)
	}
	for i := 0; i < 10; i++ {
		sum += <-rc
	}
	c <- sum
}

func rss() float64 {
	b, _ := os.ReadFile("/proc/self/statm")
	f := strings.Fields(string(b))
	v, _ := strconv.Atoi(f[1])
	return float64(v) * 4096
}

func main() {
	if c := os.Getenv("BENCH_CORES"); c != "" {
		n, _ := strconv.Atoi(c)
		runtime.GOMAXPROCS(n)
	}
	name, n := os.Args[1], 0
	if len(os.Args) > 2 {
		n, _ = strconv.Atoi(os.Args[2])
	}
	switch name {
	case "pingpong":
		pingpong(n/10, 0)
		out(name, "ns_per_msg", ns(pingpong(n, 0))/float64(n), "ns")
		out(name, "ns_per_msg_buffered", ns(pingpong(n, 64))/float64(n), "ns")
	case "pingpong_many":
		many(1000, n/10)
		out(name, "msgs_per_s", rate(n, many(1000, n)), "msgs/s")
	case "ring":
		ring(1000, n/10)
		out(name, "ns_per_hop", ns(ring(1000, n))/float64(n), "ns")
	case "fanin":
		fanin(100, n/10)
		out(name, "msgs_per_s", rate(n, fanin(100, n)), "msgs/s")
	case "fanout":
		fanout(1000, n/10)
		out(name, "msgs_per_s", rate(n, fanout(1000, n)), "msgs/s")
	case "call":
		s := newServer()
		calls(s, n/10)
		t := time.Now()
		calls(s, n)
		out(name, "ns_per_call", ns(time.Since(t))/float64(n), "ns")
		t = time.Now()
		callsFast(s, n)
		out(name, "ns_per_call_reused_timer", ns(time.Since(t))/float64(n), "ns")
	case "call_many":
		const c = 1000
		s := newServer()
		clients(c, func(int) { calls(s, n/c/10) })
		out(name, "calls_per_s_one_server", rate(n, clients(c, func(int) { calls(s, n/c) })), "calls/s")
		out(name, "calls_per_s_one_server_reused_timer", rate(n, clients(c, func(int) { callsFast(s, n/c) })), "calls/s")
		ss := make([]*server, c)
		for i := range ss {
			ss[i] = newServer()
		}
		clients(c, func(i int) { calls(ss[i], n/c/10) })
		out(name, "calls_per_s_1000_pairs", rate(n, clients(c, func(i int) { calls(ss[i], n/c) })), "calls/s")
		out(name, "calls_per_s_1000_pairs_reused_timer", rate(n, clients(c, func(i int) { callsFast(ss[i], n/c) })), "calls/s")
	case "spawn":
		seq := func(n int) {
			d := make(chan bool)
			for i := 0; i < n; i++ {
				go func() { d <- true }()
				<-d
			}
		}
		seq(n / 10)
		t := time.Now()
		seq(n)
		out(name, "ns_sequential", ns(time.Since(t))/float64(n), "ns")
		burst := func(n int) {
			d := make(chan bool, mbox)
			go func() {
				for i := 0; i < n; i++ {
					go func() { d <- true }()
				}
			}()
			for i := 0; i < n; i++ {
				<-d
			}
		}
		burst(n / 10)
		t = time.Now()
		burst(n)
		out(name, "ns_burst", ns(time.Since(t))/float64(n), "ns")
		k := n / 10
		t = time.Now()
		for i := 0; i < k; i++ { // a server that says it is up and one that has ended
			up, end := make(chan bool), make(chan bool)
			s := make(chan req)
			go func() {
				up <- true
				for range s {
				}
				end <- true
			}()
			<-up
			close(s)
			<-end
		}
		out(name, "ns_gen_server_start_stop", ns(time.Since(t))/float64(k), "ns")
	case "skynet":
		c := make(chan int)
		go skynet(c, 0, n/10)
		<-c
		t := time.Now()
		go skynet(c, 0, n)
		if <-c != n*(n-1)/2 {
			panic("sum")
		}
		out(name, "ms", ns(time.Since(t))/1e6, "ms")
	case "memory":
		runtime.GC()
		r0 := rss()
		ss := make([]*server, n)
		for i := range ss {
			ss[i] = newServer()
			c := req{1, make(chan int, 1)}
			ss[i].in <- c
			<-c.reply
		}
		time.Sleep(500 * time.Millisecond)
		out(name, "bytes_per_process", (rss()-r0)/float64(n), "bytes")
		runtime.KeepAlive(ss)
	case "names":
		sends := 1000000
		per := sends / n
		var mu sync.RWMutex
		reg := map[string]chan msg{}
		names := make([]string, n)
		var wg sync.WaitGroup
		chs := make([]chan msg, n)
		for i := range names {
			names[i] = "proc_" + strconv.Itoa(i)
			chs[i] = make(chan msg, per)
			wg.Add(1)
			go func(c chan msg) {
				for j := 0; j < per; j++ {
					<-c
				}
				wg.Done()
			}(chs[i])
		}
		t := time.Now()
		for i, s := range names {
			mu.Lock()
			reg[s] = chs[i]
			mu.Unlock()
		}
		out(name, "ns_per_register", ns(time.Since(t))/float64(n), "ns")
		order := append([]string(nil), names...)
		x := 12345
		for i := len(order) - 1; i > 0; i-- {
			x = (x*1103515245 + 12345) & 0x7fffffff
			j := (x >> 8) % (i + 1)
			order[i], order[j] = order[j], order[i]
		}
		t = time.Now()
		for k := 0; k < per; k++ {
			for _, s := range order {
				mu.RLock()
				c := reg[s]
				mu.RUnlock()
				c <- msg{1, k}
			}
		}
		d1 := time.Since(t)
		wg.Wait()
		d2 := time.Since(t)
		out(name, "ns_per_send_to_name", ns(d1)/float64(per*n), "ns")
		out(name, "ns_per_send_delivered", ns(d2)/float64(per*n), "ns")
	case "timers":
		ch := make(chan int, 16)
		f := func() { ch <- 1 }
		run := func(n int) (time.Duration, time.Duration) {
			ts := make([]*time.Timer, 0, n)
			t := time.Now()
			for i := 0; i < n; i++ {
				ts = append(ts, time.AfterFunc(60*time.Second+time.Duration(i%5000)*time.Millisecond, f))
			}
			d1 := time.Since(t)
			t = time.Now()
			for _, x := range ts {
				x.Stop()
			}
			return d1, time.Since(t)
		}
		run(n / 10)
		a, b := run(n)
		out(name, "ns_start_1M_pending", ns(a)/float64(n), "ns")
		out(name, "ns_cancel_1M_pending", ns(b)/float64(n), "ns")
		t := time.Now()
		for i := 0; i < n; i++ {
			time.AfterFunc(5*time.Second, f).Stop()
		}
		out(name, "ns_start_cancel_pair", ns(time.Since(t))/float64(n), "ns")
	case "stream":
		streamRow(name, n)
	default:
		for _, row := range []func(string, int) bool{savinaRow, latencyRow, feedRow, asyncRow, serviceRow} {
			if row(name, n) {
				return
			}
		}
		fmt.Fprintln(os.Stderr, "unknown benchmark", name)
		os.Exit(2)
	}
}
