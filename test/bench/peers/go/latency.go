// latency.go -- rows latency, latency_idle and timer_fire in plain Go, and what is measured from
// outside: hello, empty, idle.
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"sort"
	"sync/atomic"
	"time"
)

var spun int

func spin(steps, a int) int {
	for ; steps > 0; steps-- {
		a = nextRandom(a)
	}
	return a
}

// calibrate: how many steps take 10 ms here
func calibrate() int {
	const steps = 50000000
	spun = spin(steps/5, 1)
	t := time.Now()
	spun = spin(steps, spun)
	return int(steps * 10e6 / ns(time.Since(t)))
}

// load: two goroutines that compute, and 1000 pairs that talk as fast as they can
func load() {
	steps := calibrate()
	for i := 0; i < 2; i++ {
		self := make(chan int, 1)
		self <- 1
		go func() {
			for a := range self {
				self <- spin(steps, a)
			}
		}()
	}
	for i := 0; i < 1000; i++ {
		a, b := make(chan msg), make(chan msg)
		go pong(a, b)
		go ping(a, b, 1<<60)
	}
	time.Sleep(500 * time.Millisecond)
}

type ticket struct {
	number int
	sent   time.Time
}

// pinger sends a ping each millisecond, answered or not: all that are due, when a tick came late.
func pinger(n int) (rtt, e2e []float64) {
	echo, pongs := make(chan ticket, mbox), make(chan ticket, mbox)
	go func() {
		for m := range echo {
			pongs <- m
		}
	}()
	zero := time.Now().Add(10 * time.Millisecond)
	due := func(i int) time.Time { return zero.Add(time.Duration(i) * time.Millisecond) }
	next, timer := 1, time.NewTimer(time.Until(due(1)))
	for len(rtt) < n {
		select {
		case <-timer.C:
			for ; next <= n; next++ {
				now := time.Now()
				if now.Before(due(next)) {
					break
				}
				echo <- ticket{next, now}
			}
			if next <= n {
				timer.Reset(time.Until(due(next)))
			}
		case m := <-pongs:
			now := time.Now()
			rtt = append(rtt, ns(now.Sub(m.sent)))
			e2e = append(e2e, ns(now.Sub(due(m.number))))
		}
	}
	return rtt, e2e
}
func share(sorted []float64, p float64) float64 {
	i := int(float64(len(sorted))*p+0.999999) - 1
	if i < 0 {
		i = 0
	}
	return sorted[i] / 1000
}
func report(name, what string, times []float64) {
	sort.Float64s(times)
	out(name, what+"_p50", share(times, 0.5), "us")
	out(name, what+"_p99", share(times, 0.99), "us")
	out(name, what+"_p99.9", share(times, 0.999), "us")
}
func latency(name string, n int) {
	type both struct{ rtt, e2e []float64 }
	done := make(chan both)
	go func() {
		rtt, e2e := pinger(n)
		done <- both{rtt, e2e}
	}()
	b := <-done
	report(name, "rtt", b.rtt)
	report(name, "e2e", b.e2e)
}

func timerFire(name string, n int) {
	fired := make(chan time.Time, mbox)
	zero := time.Now().Add(200 * time.Millisecond)
	for i := 1; i <= n; i++ {
		due := zero.Add(time.Duration(i*7919%1000) * time.Millisecond)
		time.AfterFunc(time.Until(due), func() { fired <- due })
	}
	late := make([]float64, n)
	for i := range late {
		late[i] = ns(time.Since(<-fired))
	}
	sort.Float64s(late)
	out(name, "late_p50", share(late, 0.5), "us")
	out(name, "late_p99", share(late, 0.99), "us")
	out(name, "late_max", share(late, 1), "us")
}

var input = bufio.NewReader(os.Stdin)

// ready says so, and goes on at the next line of input.
func ready() {
	fmt.Println("READY")
	input.ReadString('\n')
}

func idle(name string, n int) {
	servers := make([]*server, n)
	for i := range servers {
		servers[i] = newServer()
	}
	ready()
	var ticks atomic.Int64
	for i := 0; i < 1000; i++ {
		go func(i int) {
			time.Sleep(time.Duration(i) * time.Millisecond)
			for {
				ticks.Add(1)
				time.Sleep(time.Second)
			}
		}(i)
	}
	began, before := time.Now(), ticks.Load()
	ready()
	out(name, "ticks_per_s", rate(int(ticks.Load()-before), time.Since(began)), "ticks/s")
	runtime.KeepAlive(servers)
}

func latencyRow(name string, n int) bool {
	switch name {
	case "timer_fire":
		timerFire(name, n)
	case "latency":
		load()
		latency(name, n)
	case "latency_idle":
		latency(name, n)
	case "hello":
		a, b := make(chan msg), make(chan msg)
		go pong(a, b)
		a <- msg{1, 1}
		<-b
		fmt.Println("hello")
	case "empty":
		ready()
	case "idle":
		idle(name, n)
	default:
		return false
	}
	return true
}
