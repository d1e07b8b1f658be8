package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/metrics"
	"sync"
	"time"
)

var (
	errEvaluationTime   = fmt.Errorf("it was not ready after %s", evaluationTime)
	errEvaluationMemory = errors.New("it used too much memory")
	errOutOfTime        = errors.New("there was no time left for it in this request")
	errImpatience       = fmt.Errorf("it was not tried: the same rule was not ready after %s before", evaluationTime)
	errStuck            = fmt.Errorf("it was not ready after %s, and could not be ended", evaluationTime)
)

// box bounds evaluations in time and, all together, in memory.
type box struct {
	memory uint64
	alone  sync.RWMutex // held for writing by an evaluation that shows whether it is the one that eats memory
}

func newBox(memory uint64) *box { return &box{memory: memory} }

// turn is one request's way through the box.
type turn struct {
	box  *box
	job  *Job
	ctx  context.Context
	late []int // by rule: evaluations that ran out of time
}

// turn ends a little before the request does, so that what is ready by then is answered.
func (b *box) turn(job *Job, rules int) (*turn, context.CancelFunc) {
	ctx, cancel := context.WithCancel(job.ctx)
	if end, limited := job.ctx.Deadline(); limited {
		left := time.Until(end)
		ctx, cancel = context.WithTimeout(job.ctx, left-left/10)
	}
	return &turn{box: b, job: job, ctx: ctx, late: make([]int, rules)}, cancel
}

// told words an error for people, and says whether another try may end otherwise. Values of a Secret stay untold.
func (t *turn) told(err error, object map[string]any) (string, bool) {
	for _, own := range []error{errEvaluationTime, errEvaluationMemory, errOutOfTime, errImpatience, errStuck} {
		if errors.Is(err, own) {
			return own.Error(), true
		}
	}
	var wrong *compileError
	if !errors.As(err, &wrong) && isSecret(object) {
		return "it failed; its error is not shown, because the object is a Secret", false
	}
	return cut(err.Error(), maxRuleMessage), false
}

type evaluated[T any] struct {
	value T
	err   error
}

// evaluate runs one evaluation of a rule in time and memory. An evaluation that does not end when it is told to goes on
// in its goroutine, and the answer says that this process is to be replaced.
func evaluate[T any](t *turn, rule int, run func(context.Context) (T, error)) (T, error) {
	var nothing T
	if t.late[rule] >= patience {
		return nothing, errImpatience
	}
	if t.ctx.Err() != nil {
		return nothing, errOutOfTime
	}
	t.box.alone.RLock()
	value, err := attempt(t, run)
	t.box.alone.RUnlock()
	if errors.Is(err, errEvaluationMemory) {
		t.box.alone.Lock()
		runtime.GC()
		value, err = attempt(t, run)
		t.box.alone.Unlock()
		runtime.GC()
	}
	if errors.Is(err, errEvaluationTime) || errors.Is(err, errEvaluationMemory) || errors.Is(err, errStuck) {
		t.late[rule]++
	}
	if errors.Is(err, errStuck) {
		t.late[rule] = patience
		t.job.stuck = true
	}
	return value, err
}

func attempt[T any](t *turn, run func(context.Context) (T, error)) (T, error) {
	var nothing T
	limited, cancel := context.WithCancelCause(t.ctx)
	defer cancel(nil)
	done := make(chan evaluated[T], 1)
	go func() {
		defer func() {
			if reason := recover(); reason != nil {
				done <- evaluated[T]{err: fmt.Errorf("the interpreter failed: %v", reason)}
			}
		}()
		value, err := run(limited)
		done <- evaluated[T]{value, err}
	}()
	end, tick := time.NewTimer(evaluationTime), time.NewTicker(memoryLookEvery)
	defer end.Stop()
	defer tick.Stop()
	var why error
	for why == nil {
		select {
		case ended := <-done:
			return ended.value, ended.err
		case <-limited.Done():
			why = errOutOfTime
		case <-end.C:
			why = errEvaluationTime
		case <-tick.C:
			if t.box.full() {
				why = errEvaluationMemory
			}
		}
	}
	cancel(why)
	select {
	case <-done:
		return nothing, why
	case <-time.After(evaluationGrace):
		return nothing, errStuck
	}
}

// full tells whether more than the box's memory is in use; what is garbage does not count.
func (b *box) full() bool {
	if heapBytes() <= b.memory {
		return false
	}
	runtime.GC()
	return heapBytes() > b.memory
}

func heapBytes() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64() + sample[1].Value.Uint64()
}
