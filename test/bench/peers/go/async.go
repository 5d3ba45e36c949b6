// async.go -- rows queue, worker, batch, future, action and interval in plain Go: channels and
// goroutines, each item with the recover that keeps a panic from ending the program, and errors
// collected. The queue has no dispatcher: its workers take from one channel of 1,024 themselves.
package main

import (
	"context"
	"fmt"
	"sync"
	"time"
)

type action func(ctx context.Context, item interface{}) error

// collected: errors of actions, at most 64; more are counted only.
type collected struct {
	mu      sync.Mutex
	first   []error
	dropped int
}

func (c *collected) add(err error) {
	c.mu.Lock()
	if len(c.first) < 64 {
		c.first = append(c.first, err)
	} else {
		c.dropped++
	}
	c.mu.Unlock()
}

// contained runs the action; a panic is an error.
func contained(ctx context.Context, do action, item interface{}) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return do(ctx, item)
}

func emptyAction(context.Context, interface{}) error { return nil }

var computed uint32

// microsecond computes for about one, with the steps of the other programs.
func microsecond(context.Context, interface{}) error {
	x := uint32(1)
	for i := 0; i < 300; i++ {
		x = x*1664525 + 1013904223
	}
	if x == 0 {
		computed = x
	}
	return nil
}

// ---- queue, worker: a worker is a queue of one that holds nothing
type queue struct {
	do     action
	items  chan interface{}
	ctx    context.Context
	cancel context.CancelFunc
	errs   collected
	done   sync.WaitGroup
}

func newQueue(do action, parallelism, capacity int) *queue {
	q := &queue{do: do, items: make(chan interface{}, capacity)}
	q.ctx, q.cancel = context.WithCancel(context.Background())
	q.done.Add(parallelism)
	for i := 0; i < parallelism; i++ {
		go q.work()
	}
	return q
}
func (q *queue) work() {
	defer q.done.Done()
	for item := range q.items {
		if err := contained(q.ctx, q.do, item); err != nil {
			q.errs.add(err)
		}
	}
}
func (q *queue) enqueue(item interface{}) error {
	select {
	case q.items <- item:
		return nil
	case <-q.ctx.Done():
		return q.ctx.Err()
	}
}

// stop: what is queued is run, for at most ten seconds.
func (q *queue) stop() {
	close(q.items)
	all := make(chan struct{})
	go func() { q.done.Wait(); close(all) }()
	select {
	case <-all:
	case <-time.After(10 * time.Second):
		q.cancel()
		panic("items are left")
	}
	q.cancel()
}
func runQueue(do action, parallelism, capacity, n int) time.Duration {
	q := newQueue(do, parallelism, capacity)
	t := time.Now()
	produced := make(chan bool)
	go func() {
		for i := 0; i < n; i++ {
			if q.enqueue(q) != nil {
				panic("enqueue")
			}
		}
		produced <- true
	}()
	<-produced
	q.stop()
	return time.Since(t)
}

// ---- batch: all items are in the channel before it begins
func runBatch(do action, parallelism int, items []interface{}) time.Duration {
	in := make(chan interface{}, len(items))
	for _, item := range items {
		in <- item
	}
	close(in)
	var errs collected
	var done sync.WaitGroup
	done.Add(parallelism)
	t := time.Now()
	for i := 0; i < parallelism; i++ {
		go func() {
			for item := range in {
				if err := contained(context.Background(), do, item); err != nil {
					errs.add(err)
				}
			}
			done.Done()
		}()
	}
	done.Wait()
	return time.Since(t)
}

// ---- future
type future struct {
	finished chan struct{}
	err      error // good when finished is closed
	cancel   context.CancelFunc
}

func await(ctx context.Context, do action) *future {
	ctx, cancel := context.WithCancel(ctx)
	f := &future{finished: make(chan struct{}), cancel: cancel}
	go func() {
		f.err = contained(ctx, do, nil)
		close(f.finished)
	}()
	return f
}
func (f *future) complete() error {
	<-f.finished
	f.cancel()
	return f.err
}
func runFutures(n int) time.Duration {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	t := time.Now()
	done := make(chan bool)
	go func() {
		for i := 0; i < n; i++ {
			if await(ctx, emptyAction).complete() != nil {
				panic("future")
			}
		}
		done <- true
	}()
	<-done
	return time.Since(t)
}

// ---- action: three interceptors; contained, and one that panics
type actioner func(ctx context.Context, arg interface{}) (interface{}, error)
type interceptor func(ctx context.Context, next actioner, arg interface{}) (interface{}, error)

func intercept(list []interceptor, do actioner) actioner {
	for i := len(list) - 1; i >= 0; i-- {
		around, inner := list[i], do
		do = func(ctx context.Context, arg interface{}) (interface{}, error) { return around(ctx, inner, arg) }
	}
	return do
}
func runActions(name string, n int) {
	around := func(ctx context.Context, next actioner, arg interface{}) (interface{}, error) { return next(ctx, arg) }
	inside := func(ctx context.Context, arg interface{}) (interface{}, error) { return arg, nil }
	ctx := context.Background()
	each := func(metric string, f func()) {
		t := time.Now()
		for i := 0; i < n; i++ {
			f()
		}
		out(name, metric, ns(time.Since(t))/float64(n), "ns")
	}
	chain := intercept([]interceptor{around, around, around}, inside)
	each("interceptors_3", func() { chain(ctx, n) })
	each("recover", func() { contained(ctx, emptyAction, nil) })
	each("recover_crash", func() {
		contained(ctx, func(context.Context, interface{}) error { panic("done") }, nil)
	})
}

// ---- interval: a ticker, which keeps one tick at most
func runInterval(name string, n int) {
	t := time.Now()
	ticker := time.NewTicker(time.Millisecond)
	var first time.Time
	var sum, worst time.Duration
	missed := 0
	for count := 0; count < n; count++ {
		at := <-ticker.C
		now := time.Now()
		if count == 0 {
			first = at
		}
		ticks := int(at.Sub(first)/time.Millisecond) - count // whole ticks that no run had
		if ticks > missed {
			missed = ticks
		}
		late := now.Sub(first.Add(time.Duration(count+missed) * time.Millisecond))
		if late < 0 {
			late = 0
		}
		if sum += late; late > worst {
			worst = late
		}
		if contained(context.Background(), emptyAction, nil) != nil {
			panic("interval")
		}
	}
	ticker.Stop()
	out(name, "each", ns(time.Since(t))/1e3/float64(n), "us")
	out(name, "late", ns(sum)/1e3/float64(n), "us")
	out(name, "late_worst", ns(worst)/1e3, "us")
	out(name, "missed", float64(missed), "ticks")
}

func asyncRow(name string, n int) bool {
	kinds := []struct {
		name string
		do   action
	}{{"empty", emptyAction}, {"us", microsecond}}
	switch name {
	case "queue", "batch":
		items := make([]interface{}, n)
		for i := range items {
			items[i] = &items
		}
		for _, kind := range kinds {
			for _, p := range []int{1, 2, 4} {
				d := time.Duration(0)
				if name == "queue" {
					d = runQueue(kind.do, p, 1024, n)
				} else {
					d = runBatch(kind.do, p, items)
				}
				out(name, fmt.Sprintf("%s_%d", kind.name, p), rate(n, d), "items/s")
			}
		}
	case "worker":
		out(name, "rate", rate(n, runQueue(emptyAction, 1, 0, n)), "items/s")
	case "future":
		out(name, "complete", ns(runFutures(n))/float64(n), "ns")
	case "action":
		runActions(name, n)
	case "interval":
		runInterval(name, n)
	default:
		return false
	}
	return true
}
