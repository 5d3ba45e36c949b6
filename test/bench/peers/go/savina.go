// savina.go -- rows big, chameneos, counting and bank in plain Go: shapes of the Savina benchmarks.
package main

import (
	"sync"
	"time"
)

// nextRandom: numbers that look random, the same in each peer's program.
func nextRandom(seed int) int { return (seed*1103515245 + 12345) & 0x7fffffff }

// ---- big: 120 goroutines, each asks a random one, again when it answers
type bigMsg struct {
	from int
	pong bool
}

const bigPlayers = 120

func bigPlayer(me, each int, boxes []chan bigMsg, start, quit chan bool, done *sync.WaitGroup) {
	seed, left := me*7919+1, each
	ask := func() {
		seed = nextRandom(seed)
		boxes[(seed>>8)%len(boxes)] <- bigMsg{me, false}
	}
	<-start
	ask()
	for {
		select {
		case m := <-boxes[me]:
			if !m.pong {
				boxes[m.from] <- bigMsg{me, true}
			} else if left--; left > 0 {
				ask()
			} else {
				done.Done()
			}
		case <-quit:
			return
		}
	}
}
func playBig(each int) time.Duration {
	boxes := make([]chan bigMsg, bigPlayers)
	for i := range boxes {
		boxes[i] = make(chan bigMsg, mbox)
	}
	start, quit := make(chan bool), make(chan bool)
	var done sync.WaitGroup
	done.Add(bigPlayers)
	for i := range boxes {
		go bigPlayer(i, each, boxes, start, quit, &done)
	}
	t := time.Now()
	close(start)
	done.Wait()
	d := time.Since(t)
	close(quit)
	return d
}

// ---- chameneos: creatures meet in pairs and change their colours
type visit struct {
	answer chan int
	colour int
}

func creature(mall chan visit, colour int) {
	me := make(chan int, 1)
	for {
		mall <- visit{me, colour}
		other := <-me
		if other < 0 {
			return
		}
		colour = (6 - colour - other) % 3
	}
}
func chameneos(creatures, n int) time.Duration {
	mall, done := make(chan visit), make(chan bool)
	t := time.Now()
	for i := 0; i < creatures; i++ {
		go creature(mall, i%3)
	}
	go func() {
		for i := 0; i < n; i++ {
			a, b := <-mall, <-mall
			a.answer <- b.colour
			b.answer <- a.colour
		}
		done <- true
		for i := 0; i < creatures; i++ {
			v := <-mall
			v.answer <- -1
		}
	}()
	<-done
	return time.Since(t)
}

// ---- counting: one sends n increments, and then asks how many came
func counting(n int) time.Duration {
	in, sum := make(chan msg, mbox), make(chan int)
	t := time.Now()
	go func() {
		count := 0
		for m := range in {
			if m.tag != 1 {
				break
			}
			count++
		}
		sum <- count
	}()
	go func() {
		for i := 0; i < n; i++ {
			in <- msg{1, 0}
		}
		in <- msg{2, 0}
	}()
	if <-sum != n {
		panic("wrong count")
	}
	return time.Since(t)
}

// ---- bank: a teller tells accounts to move money, each to its neighbour, which has to confirm
type order struct {
	amount int
	to     int       // the account that is to be asked
	ok     chan bool // not nil: the account before asks
}

func account(me int, boxes []chan order, teller chan bool) {
	balance, ok := 0, make(chan bool, 1)
	for o := range boxes[me] {
		if o.ok != nil {
			balance += o.amount
			o.ok <- true
			continue
		}
		boxes[o.to] <- order{o.amount, 0, ok}
		<-ok
		balance -= o.amount
		teller <- true
	}
}
func bank(accounts, n int) time.Duration {
	boxes := make([]chan order, accounts)
	teller := make(chan bool, mbox)
	for i := range boxes {
		boxes[i] = make(chan order, mbox)
	}
	for i := range boxes {
		go account(i, boxes, teller)
	}
	t := time.Now()
	go func() {
		seed := 4711
		for i := 0; i < n; i++ {
			seed = nextRandom(seed)
			from := (seed >> 8) % (accounts - 1)
			boxes[from] <- order{seed % 100, from + 1, nil}
		}
	}()
	for i := 0; i < n; i++ {
		<-teller
	}
	d := time.Since(t)
	for _, box := range boxes {
		close(box)
	}
	return d
}

func savinaRow(name string, n int) bool {
	switch name {
	case "big":
		each := n / bigPlayers
		playBig(each/10 + 1)
		out(name, "msgs_per_s", rate(2*each*bigPlayers, playBig(each)), "msgs/s")
	case "chameneos":
		chameneos(100, n/10)
		out(name, "ns_per_meeting", ns(chameneos(100, n))/float64(n), "ns")
	case "counting":
		counting(n / 10)
		out(name, "msgs_per_s", rate(n, counting(n)), "msgs/s")
	case "bank":
		bank(1000, n/10)
		out(name, "tx_per_s", rate(n, bank(1000, n)), "tx/s")
	default:
		return false
	}
	return true
}
