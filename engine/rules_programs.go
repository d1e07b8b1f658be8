package main

import (
	"container/list"
	"crypto/sha256"
	"sync"
)

// programs keeps what was compiled, and what could not be, by the hash of its source; the least used goes first.
type programs struct {
	mu    sync.Mutex
	order *list.List // of *kept, the last used in front
	known map[[sha256.Size]byte]*list.Element
	bytes int
}

type kept struct {
	name    [sha256.Size]byte
	bytes   int
	program any
	err     error
}

func newPrograms() *programs {
	return &programs{order: list.New(), known: map[[sha256.Size]byte]*list.Element{}}
}

// get answers with the program of a source; compile runs if it is not known.
func (p *programs) get(source string, compile func() (any, error)) (any, error) {
	name := sha256.Sum256([]byte(source))
	p.mu.Lock()
	if found, ok := p.known[name]; ok {
		p.order.MoveToFront(found)
		p.mu.Unlock()
		return found.Value.(*kept).program, found.Value.(*kept).err
	}
	p.mu.Unlock()
	program, err := compile()
	p.keep(&kept{name, len(source), program, err})
	return program, err
}

func (p *programs) keep(one *kept) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.known[one.name]; ok {
		return
	}
	p.known[one.name] = p.order.PushFront(one)
	p.bytes += one.bytes
	for p.order.Len() > maxPrograms || p.bytes > maxProgramBytes {
		last := p.order.Remove(p.order.Back()).(*kept)
		delete(p.known, last.name)
		p.bytes -= last.bytes
	}
}
