// feed.go -- rows feed and mux in plain Go, as event packages there are built: a feed is a slice of
// the subscribers' channels behind a lock that Sends take in turn; a Send first tries every channel
// without waiting, then waits for those that were full. (The package that ours answers to does the
// waiting with reflection, which is much slower; this is the form without.) Channels hold 200.
package main

import (
	"errors"
	"reflect"
	"sync"
	"time"
)

const feedBuffer = 200

// ---- feed
type feedSub struct {
	ch   chan msg
	quit chan struct{}
	once sync.Once
	feed *feed
}

type feed struct {
	sending sync.Mutex // one Send at a time: all see one order
	mu      sync.Mutex // guards subs, also while a Send waits
	subs    []*feedSub
}

func (f *feed) subscribe(ch chan msg) *feedSub {
	s := &feedSub{ch: ch, quit: make(chan struct{}), feed: f}
	f.mu.Lock()
	f.subs = append(append([]*feedSub(nil), f.subs...), s) // a Send reads the old one
	f.mu.Unlock()
	return s
}
func (s *feedSub) unsubscribe() {
	s.once.Do(func() {
		close(s.quit)
		s.feed.mu.Lock()
		left := make([]*feedSub, 0, len(s.feed.subs))
		for _, other := range s.feed.subs {
			if other != s {
				left = append(left, other)
			}
		}
		s.feed.subs = left
		s.feed.mu.Unlock()
	})
}

// send returns how many have got the event.
func (f *feed) send(m msg) int {
	f.sending.Lock()
	defer f.sending.Unlock()
	f.mu.Lock()
	subs := f.subs
	f.mu.Unlock()
	var full []*feedSub
	sent := 0
	for _, s := range subs {
		select {
		case s.ch <- m:
			sent++
		default:
			full = append(full, s)
		}
	}
	for _, s := range full {
		select {
		case s.ch <- m:
			sent++
		case <-s.quit:
		}
	}
	return sent
}

func runFeed(subscribers, events int) time.Duration {
	f := &feed{}
	var all sync.WaitGroup
	all.Add(subscribers)
	for i := 0; i < subscribers; i++ {
		ch := make(chan msg, feedBuffer)
		s := f.subscribe(ch)
		go func() {
			for k := 0; k < events; k++ {
				<-ch
			}
			all.Done()
			s.unsubscribe()
		}()
	}
	t := time.Now()
	go func() {
		for i := 0; i < events; i++ {
			f.send(msg{1, i})
		}
	}()
	all.Wait()
	return time.Since(t)
}

// ---- mux: by the event's type, each delivery waits for its reader; events carry their time
type muxEvent struct {
	at   time.Time
	data interface{}
}

type muxSub struct {
	created time.Time
	ch      chan muxEvent
	closing chan struct{}
	mu      sync.RWMutex // read: a delivery is under way
	closed  bool
}

type mux struct {
	mu      sync.RWMutex
	subs    map[reflect.Type][]*muxSub
	stopped bool
}

var errMuxStopped = errors.New("the mux is stopped")

func newMux() *mux { return &mux{subs: map[reflect.Type][]*muxSub{}} }
func (m *mux) subscribe(types ...interface{}) *muxSub {
	s := &muxSub{created: time.Now(), ch: make(chan muxEvent), closing: make(chan struct{})}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, t := range types {
		typ := reflect.TypeOf(t)
		m.subs[typ] = append(append([]*muxSub(nil), m.subs[typ]...), s)
	}
	return s
}
func (s *muxSub) deliver(e muxEvent) {
	if s.created.After(e.at) {
		return
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	select {
	case s.ch <- e:
	case <-s.closing:
	}
}
func (s *muxSub) close() {
	close(s.closing)
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.ch)
	}
	s.mu.Unlock()
}
func (m *mux) post(data interface{}) error {
	e := muxEvent{time.Now(), data}
	m.mu.RLock()
	if m.stopped {
		m.mu.RUnlock()
		return errMuxStopped
	}
	subs := m.subs[reflect.TypeOf(data)]
	m.mu.RUnlock()
	for _, s := range subs {
		s.deliver(e)
	}
	return nil
}

func runMux(subscribers, events int) time.Duration {
	m := newMux()
	var all sync.WaitGroup
	all.Add(subscribers)
	for i := 0; i < subscribers; i++ {
		s := m.subscribe(msg{})
		go func() {
			for k := 0; k < events; k++ {
				<-s.ch
			}
			all.Done()
		}()
	}
	t := time.Now()
	go func() {
		for i := 0; i < events; i++ {
			if m.post(msg{1, i}) != nil {
				panic("stopped")
			}
		}
	}()
	all.Wait()
	return time.Since(t)
}

func feedRow(name string, n int) bool {
	run := map[string]func(int, int) time.Duration{"feed": runFeed, "mux": runMux}[name]
	if run == nil {
		return false
	}
	for _, size := range []struct {
		subscribers int
		metric      string
	}{{1, "ns_per_event_1"}, {10, "ns_per_event_10"}, {1000, "ns_per_event_1000"}} {
		events := n / size.subscribers
		if events < 10 {
			events = 10
		}
		run(size.subscribers, events/10+1)
		out(name, size.metric, ns(run(size.subscribers, events))/float64(events), "ns")
	}
	return true
}
