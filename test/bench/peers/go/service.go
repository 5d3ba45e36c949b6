// service.go -- row service in plain Go: a struct behind a mutex; apply runs in a goroutine, one at a
// time, with a context of its load and a recover, as do the tasks that it starts; listeners get every
// change in order, through a slice of their own that nobody waits for. A map has a log of what was
// added, changed and removed. All services of the program are in one list, for who looks after it.
// (The package that ours answers to starts a goroutine for each change and listener, which keeps no
// order, runs several applies at once, and dies with an apply that panics.)
package main

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strconv"
	"sync"
	"time"
)

type serviceState struct {
	version, generation            uint64
	active, loading, configured    bool
	config                         []byte
	err                            error
	failed                         int
	activeAt, inactiveAt, configAt time.Time
	loadingAt, loadedAt            time.Time
	errAt, nextAttemptAt           time.Time
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

// serviceRun: a load, and what its apply has started. It is over when all of that has returned.
type serviceRun struct {
	ctx    context.Context
	cancel context.CancelFunc
	tasks  sync.WaitGroup
	over   chan struct{}
	panics chan error // the first of its tasks
}

func (r *serviceRun) start(task func(ctx context.Context)) {
	r.tasks.Add(1)
	go func() {
		defer r.tasks.Done()
		defer func() {
			if p := recover(); p != nil {
				select {
				case r.panics <- fmt.Errorf("a task has panicked: %v\n%s", p, debug.Stack()):
				default:
				}
				r.cancel()
			}
		}()
		task(r.ctx)
	}()
}

type applyFunc func(r *serviceRun, config []byte) error

func (r *serviceRun) apply(apply applyFunc, config []byte) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("apply has panicked: %v\n%s", p, debug.Stack())
		}
	}()
	return apply(r, config)
}

// allServices: what a page of the program's services shows.
var allServices = struct {
	mu   sync.Mutex
	list *list.List
}{list: list.New()}

type service struct {
	name      string
	mu        sync.Mutex
	state     serviceState
	apply     applyFunc
	run       *serviceRun // the last one; nil: none yet
	followers []*follower
	changed   func(before, after serviceState) // of its map; nil: in none
	listed    *list.Element
}

var (
	errServiceState   = errors.New("it is in that state already")
	errServiceLoading = errors.New("it is loading already")
)

func newService(name string, apply applyFunc) *service {
	s := &service{name: name, apply: apply, state: serviceState{version: 1, inactiveAt: time.Now()}}
	allServices.mu.Lock()
	s.listed = allServices.list.PushBack(s)
	allServices.mu.Unlock()
	return s
}

// change wants the lock.
func (s *service) change(before serviceState) serviceState {
	s.state.version++
	for _, f := range s.followers {
		f.put(s.state)
	}
	if s.changed != nil {
		s.changed(before, s.state)
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

// load wants the lock, and an active service with a config. It begins when the one before is over.
func (s *service) load() {
	before, run, config := s.run, &serviceRun{over: make(chan struct{}), panics: make(chan error, 1)}, s.state.config
	run.ctx, run.cancel = context.WithCancel(context.Background())
	if before != nil {
		before.cancel()
	}
	s.run = run
	s.state.generation++
	s.state.loading, s.state.failed = true, 0
	s.state.loadingAt, s.state.loadedAt, s.state.nextAttemptAt = time.Now(), time.Time{}, time.Time{}
	go func() {
		if before != nil {
			<-before.over
		}
		err := run.ctx.Err()
		if err == nil {
			err = run.apply(s.apply, config)
		}
		s.loaded(run, err)
		run.tasks.Wait()
		close(run.over)
	}()
}

// loaded: what becomes of a load that has not been replaced.
func (s *service) loaded(run *serviceRun, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if run != s.run || !s.state.active {
		return
	}
	before, now := s.state, time.Now()
	s.state.loading, s.state.loadedAt = false, now
	if err != nil {
		run.cancel()
		s.state.err, s.state.errAt = err, now
		s.state.failed++
		s.state.active, s.state.inactiveAt = false, now
	}
	s.change(before)
}
func (s *service) start() (serviceState, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state.active {
		return s.state, errServiceState
	}
	before := s.state
	s.state.active, s.state.activeAt, s.state.err = true, time.Now(), nil
	if s.state.configured {
		s.load()
	}
	return s.change(before), nil
}
func (s *service) stop() (serviceState, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.state.active {
		return s.state, errServiceState
	}
	before, now := s.state, time.Now()
	if s.run != nil {
		s.run.cancel()
	}
	if s.state.loading {
		s.state.loadedAt = now
	}
	s.state.generation++
	s.state.active, s.state.loading, s.state.failed = false, false, 0
	s.state.inactiveAt, s.state.nextAttemptAt = now, time.Time{}
	return s.change(before), nil
}
func (s *service) configure(config []byte) (serviceState, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state.loading {
		return s.state, errServiceLoading
	}
	before := s.state
	s.state.config, s.state.configAt, s.state.configured = append([]byte(nil), config...), time.Now(), true
	if s.state.active {
		s.load()
	}
	return s.change(before), nil
}
func (s *service) get() serviceState {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

// terminate: a stop if it was active, then the end of what follows it, and of what runs.
func (s *service) terminate() {
	s.stop()
	allServices.mu.Lock()
	allServices.list.Remove(s.listed)
	allServices.mu.Unlock()
	s.mu.Lock()
	run := s.run
	for _, f := range s.followers {
		f.mu.Lock()
		f.closed = true
		f.mu.Unlock()
		select {
		case f.wake <- struct{}{}:
		default:
		}
	}
	s.mu.Unlock()
	if run != nil {
		<-run.over
	}
}

// ---- a map of services: records in the order of creation, and a log of changes
type record struct {
	id, kind string
	number   uint64
	service  *service
	state    serviceState // of the last change in the log
}

type mapChange struct {
	number        uint64
	at            time.Time
	record        *record
	before, after *serviceState // both: an update; one: removed, added
}

// mapListener is told of each change, in order, with the map's lock held: it keeps them.
type mapListener func(mapChange)

type createFunc func(id, kind string) (applyFunc, error)

type serviceMap struct {
	mu               sync.Mutex
	records          map[string]*list.Element
	order            *list.List
	create           createFunc
	listeners        []mapListener
	created, changes uint64
}

func newServiceMap(create createFunc) *serviceMap {
	return &serviceMap{records: map[string]*list.Element{}, order: list.New(), create: create}
}

// log wants the lock.
func (m *serviceMap) log(r *record, before, after *serviceState) {
	m.changes++
	if len(m.listeners) == 0 {
		return
	}
	change := mapChange{m.changes, time.Now(), r, before, after}
	for _, tell := range m.listeners {
		tell(change)
	}
}
func (m *serviceMap) add(id, kind string) error {
	apply, err := m.create(id, kind)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.records[id] != nil {
		return errServiceState
	}
	m.created++
	r := &record{id: id, kind: kind, number: m.created, service: newService(id, apply)}
	r.state = r.service.get()
	r.service.changed = func(before, after serviceState) {
		m.mu.Lock()
		defer m.mu.Unlock()
		r.state = after
		m.log(r, &before, &after)
	}
	m.records[id] = m.order.PushBack(r)
	m.log(r, nil, &r.state)
	return nil
}
func (m *serviceMap) remove(id string) error {
	m.mu.Lock()
	element := m.records[id]
	delete(m.records, id)
	m.mu.Unlock()
	if element == nil {
		return errServiceState
	}
	r := element.Value.(*record)
	r.service.terminate() // its change to stopped is in the log before its end
	m.mu.Lock()
	defer m.mu.Unlock()
	m.order.Remove(element)
	m.log(r, &r.state, nil)
	return nil
}
func (m *serviceMap) states() []record {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := make([]record, 0, m.order.Len())
	for e := m.order.Front(); e != nil; e = e.Next() {
		all = append(all, *e.Value.(*record))
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
	s := newService("bench", apply)
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
	apply := func(*serviceRun, []byte) error { return nil }
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
	s := newService("bench", apply)
	versions := uint64(0)
	each("ns_per_state", n, func(int) { versions += s.get().version })
	_, f := s.follow()
	s.start()
	each("ns_per_load", n/10, func(int) {
		state, err := s.configure([]byte("config"))
		if err != nil {
			panic(err)
		}
		want := state.version + 1
		for loaded := false; !loaded; {
			for _, change := range f.take() {
				loaded = change.version >= want && !change.loading
			}
		}
	})
	s.terminate()
	create := func(string, string) (applyFunc, error) { return apply, nil }
	m := newServiceMap(create)
	each("ns_per_create_and_delete", n, func(int) {
		if id := strconv.Itoa(0); m.add(id, "bench") != nil || m.remove(id) != nil {
			panic("map")
		}
	})
	sizes := []int{1000, 10000}
	if n < 10000 {
		sizes = []int{10, 100}
	}
	for i, metric := range []string{"us_per_snapshot_of_1000", "us_per_snapshot_of_10000"} {
		m, best := newServiceMap(create), time.Duration(1<<62)
		for k := 0; k < sizes[i]; k++ {
			m.add(strconv.Itoa(k), "bench")
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
