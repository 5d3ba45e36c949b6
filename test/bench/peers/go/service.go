// service.go -- row service in plain Go: a struct behind a mutex; apply runs in a goroutine with a
// context that Stop ends; listeners get every change in order, through a slice of their own that
// nobody waits for. (The package that ours answers to starts a goroutine for each change and
// listener, which keeps no order.)
package main

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"
)

type serviceState struct {
	version                        uint64
	active, loading                bool
	config                         []byte
	err                            error
	failed                         int
	activeAt, inactiveAt, configAt time.Time
	loadingAt, loadedAt            time.Time
}

// follower: changes that it has not taken, in order.
type follower struct {
	mu      sync.Mutex
	changes []serviceState
	wake    chan struct{}
	closed  bool
}

func (f *follower) put(s serviceState) {
	f.mu.Lock()
	f.changes = append(f.changes, s)
	f.mu.Unlock()
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// take waits for changes and returns all that are there; nothing after the end.
func (f *follower) take() []serviceState {
	for {
		f.mu.Lock()
		taken, closed := f.changes, f.closed
		f.changes = nil
		f.mu.Unlock()
		if len(taken) > 0 || closed {
			return taken
		}
		<-f.wake
	}
}

type applyFunc func(ctx context.Context, config []byte) error

type service struct {
	mu        sync.Mutex
	state     serviceState
	apply     applyFunc
	ctx       context.Context
	cancel    context.CancelFunc
	run       uint64 // an apply of an earlier run says nothing any more
	followers []*follower
}

var errServiceState = errors.New("it is in that state already")

func newService(apply applyFunc) *service {
	return &service{apply: apply, state: serviceState{inactiveAt: time.Now()}}
}

// changed wants the lock.
func (s *service) changed() serviceState {
	s.state.version++
	for _, f := range s.followers {
		f.put(s.state)
	}
	return s.state
}
func (s *service) follow() (serviceState, *follower) {
	f := &follower{wake: make(chan struct{}, 1)}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.followers = append(s.followers, f)
	return s.state, f
}

// load wants the lock, and an active service with a config.
func (s *service) load() {
	s.run++
	run, ctx, config := s.run, s.ctx, s.state.config
	s.state.loading, s.state.loadingAt = true, time.Now()
	go func() {
		err := s.apply(ctx, config)
		s.mu.Lock()
		defer s.mu.Unlock()
		if run != s.run {
			return
		}
		s.state.loading, s.state.loadedAt = false, time.Now()
		if err != nil {
			s.state.err = err
			s.state.failed++
		}
		s.changed()
	}()
}
func (s *service) start() (serviceState, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state.active {
		return s.state, errServiceState
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.state.active, s.state.activeAt, s.state.err = true, time.Now(), nil
	if s.state.config != nil {
		s.load()
	}
	return s.changed(), nil
}
func (s *service) stop() (serviceState, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.state.active {
		return s.state, errServiceState
	}
	s.cancel()
	s.run++
	s.state.active, s.state.loading, s.state.inactiveAt = false, false, time.Now()
	return s.changed(), nil
}
func (s *service) configure(config []byte) serviceState {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.config, s.state.configAt = append([]byte(nil), config...), time.Now()
	if s.state.active {
		s.load()
	}
	return s.changed()
}
func (s *service) get() serviceState {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}
func (s *service) terminate() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cancel != nil {
		s.cancel()
	}
	for _, f := range s.followers {
		f.mu.Lock()
		f.closed = true
		f.mu.Unlock()
		select {
		case f.wake <- struct{}{}:
		default:
		}
	}
}

// ---- a map of services
type record struct {
	id, kind string
	state    serviceState
}

type serviceMap struct {
	mu       sync.Mutex
	services map[string]*service
	kinds    map[string]string
	apply    applyFunc
}

func newServiceMap(apply applyFunc) *serviceMap {
	return &serviceMap{services: map[string]*service{}, kinds: map[string]string{}, apply: apply}
}
func (m *serviceMap) create(id, kind string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.services[id] != nil {
		return errServiceState
	}
	m.services[id], m.kinds[id] = newService(m.apply), kind
	return nil
}
func (m *serviceMap) remove(id string) error {
	m.mu.Lock()
	s := m.services[id]
	delete(m.services, id)
	delete(m.kinds, id)
	m.mu.Unlock()
	if s == nil {
		return errServiceState
	}
	s.terminate()
	return nil
}
func (m *serviceMap) states() map[string]record {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := make(map[string]record, len(m.services))
	for id, s := range m.services {
		all[id] = record{id, m.kinds[id], s.get()}
	}
	return all
}

// ---- the row
func startAndStop(s *service, n int) time.Duration {
	t := time.Now()
	for i := 0; i < n/2; i++ {
		if _, err := s.start(); err != nil {
			panic(err)
		}
		if _, err := s.stop(); err != nil {
			panic(err)
		}
	}
	return time.Since(t)
}
func changes(name, metric string, apply applyFunc, followers, n int) {
	s := newService(apply)
	var all sync.WaitGroup
	all.Add(followers)
	for i := 0; i < followers; i++ {
		state, f := s.follow()
		go func() {
			for version := state.version; ; {
				taken := f.take()
				if len(taken) == 0 {
					break
				}
				for _, change := range taken {
					if version++; change.version != version {
						panic("a change is missing")
					}
				}
			}
			all.Done()
		}()
	}
	startAndStop(s, n)
	out(name, metric, ns(startAndStop(s, n))/float64(n), "ns")
	s.terminate()
	all.Wait()
}

func serviceRow(name string, n int) bool {
	if name != "service" {
		return false
	}
	apply := func(context.Context, []byte) error { return nil }
	each := func(metric string, count int, f func(i int)) {
		t := time.Now()
		for i := 0; i < count; i++ {
			f(i)
		}
		out(name, metric, ns(time.Since(t))/float64(count), "ns")
	}
	changes(name, "ns_per_change", apply, 0, n)
	changes(name, "ns_per_change_1_follower", apply, 1, n)
	changes(name, "ns_per_change_10_followers", apply, 10, n)
	s := newService(apply)
	versions := uint64(0)
	each("ns_per_state", n, func(int) { versions += s.get().version })
	_, f := s.follow()
	s.start()
	each("ns_per_load", n/10, func(int) {
		want := s.configure([]byte("config")).version + 1
		for loaded := false; !loaded; {
			for _, change := range f.take() {
				loaded = change.version >= want && !change.loading
			}
		}
	})
	m := newServiceMap(apply)
	each("ns_per_create_and_delete", n/10, func(int) {
		if m.create("0", "bench") != nil || m.remove("0") != nil {
			panic("map")
		}
	})
	sizes := []int{1000, 10000}
	if n < 10000 {
		sizes = []int{10, 100}
	}
	for i, metric := range []string{"us_per_snapshot_of_1000", "us_per_snapshot_of_10000"} {
		m, best := newServiceMap(apply), time.Duration(1<<62)
		for k := 0; k < sizes[i]; k++ {
			m.create(strconv.Itoa(k), "bench")
		}
		for k := 0; k < 5; k++ {
			t := time.Now()
			if len(m.states()) != sizes[i] {
				panic("records are missing")
			}
			if d := time.Since(t); d < best {
				best = d
			}
		}
		out(name, metric, ns(best)/1e3, "us")
	}
	return true
}
