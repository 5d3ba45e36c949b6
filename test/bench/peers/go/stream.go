// stream.go -- row stream in plain Go: the shape that such packages have there. A list of nodes
// from slabs of 1024; each node has a channel that is closed when its value is there, so that
// readers can wait for just that one.
package main

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

type streamNode struct {
	ready chan struct{}
	value int64
	next  *streamNode // nil when ready is closed: the end
}

type streamSlab struct {
	tail atomic.Pointer[streamNode]
	free []streamNode
}

func (s *streamSlab) node() *streamNode {
	if len(s.free) == 0 {
		s.free = make([]streamNode, 1024)
	}
	n := &s.free[0]
	s.free = s.free[1:]
	n.ready = make(chan struct{})
	return n
}
func newStream() *streamSlab {
	s := &streamSlab{}
	s.tail.Store(s.node())
	return s
}
func (s *streamSlab) publish(v int64) {
	tail, next := s.tail.Load(), s.node()
	tail.value, tail.next = v, next
	s.tail.Store(next)
	close(tail.ready)
}
func (s *streamSlab) close() { close(s.tail.Load().ready) }

// runStream: `events` to `readers`; lockstep: the next one comes when all have the last one.
func runStream(events, readers int, lockstep bool) time.Duration {
	s := newStream()
	var wg sync.WaitGroup
	var left atomic.Int64
	all := make(chan struct{}, 1)
	wg.Add(readers)
	for i := 0; i < readers; i++ {
		go func(n *streamNode) {
			seen := 0
			for {
				<-n.ready
				if n.next == nil {
					break
				}
				seen++
				n = n.next
				if lockstep && left.Add(-1) == 0 {
					all <- struct{}{}
				}
			}
			if seen != events {
				panic("events are missing")
			}
			wg.Done()
		}(s.tail.Load())
	}
	time.Sleep(time.Millisecond)
	begin := time.Now()
	go func() {
		for i := 0; i < events; i++ {
			if lockstep {
				left.Store(int64(readers))
			}
			s.publish(int64(i))
			if lockstep {
				<-all
			}
		}
		s.close()
		if readers == 0 {
			wg.Done()
		}
	}()
	if readers == 0 {
		wg.Add(1)
	}
	wg.Wait()
	return time.Since(begin)
}

func backlogStream(name string, n int) {
	s := newStream()
	start := s.tail.Load()
	runtime.GC()
	before := rss()
	for i := 0; i < n; i++ {
		s.publish(int64(i))
	}
	runtime.GC()
	out(name, "bytes_per_unread_event", (rss()-before)/float64(n), "bytes")
	s.close()
	begin := time.Now()
	seen := 0
	for node := start; ; node = node.next {
		<-node.ready
		if node.next == nil {
			break
		}
		seen++
	}
	took := time.Since(begin)
	if seen != n {
		panic("events are missing")
	}
	out(name, "ns_per_event_backlog", ns(took)/float64(n), "ns")
}

func streamRow(name string, n int) {
	part := func(of int) int {
		if n/of > 0 {
			return n / of
		}
		return 1
	}
	each := func(metric string, events, readers int, lockstep bool) {
		out(name, metric, ns(runStream(events, readers, lockstep))/float64(events), "ns")
	}
	backlogStream(name, n)
	runStream(part(10), 0, false)
	each("ns_per_event_0_readers", n, 0, false)
	each("ns_per_event_1_reader", n, 1, false)
	each("ns_per_event_10_readers", part(2), 10, false)
	each("ns_per_event_1000_readers", part(50), 1000, false)
	each("ns_lockstep_1_reader", part(4), 1, true)
	each("ns_lockstep_10_readers", part(20), 10, true)
	each("ns_lockstep_1000_readers", part(1000), 1000, true)
}
