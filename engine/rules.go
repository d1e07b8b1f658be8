package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// Limits of users' expressions, by name.
const (
	maxRuleSource      = 256 << 10 // one Lua script or CEL expression
	maxJQSource        = 16 << 10
	maxCases           = 100 // of one CEL rule
	maxPathsOfOne      = 10_000
	maxPathSteps       = 2_000_000 // of all paths of one answer
	maxRuleMessage     = 2 << 10   // what a rule says of an object
	maxPrograms        = 1000      // compiled and kept
	maxProgramBytes    = 16 << 20  // of the sources of those
	defaultRulesMemory = 1 << 30
	evaluationTime     = time.Second
	memoryLookEvery    = 5 * time.Millisecond
	evaluationGrace    = 500 * time.Millisecond // after which an evaluation that was told to end is stuck
	patience           = 2                      // evaluations of one rule that ran out of time, before its others are not tried in this request
)

// rulesMain is the role `rules`: it evaluates users' expressions and renders nothing.
func rulesMain(arguments []string, in io.Reader, out io.Writer) int {
	flags := flag.NewFlagSet("gitopsd-engine rules", flag.ContinueOnError)
	memoryLimit := flags.Uint64("memory-limit", defaultRulesMemory, "heap size in `BYTES` above which the process exits with code 3")
	if flags.Parse(arguments) != nil || flags.NArg() > 0 || *memoryLimit == 0 {
		return exitUsage
	}
	signal.Ignore(os.Interrupt, syscall.SIGHUP)
	debug.SetGCPercent(gcPercent)
	debug.SetMaxStack(maxStackBytes)
	capMemory(*memoryLimit)
	stderr := os.Stderr
	worker := newWorker(in, out, version, newRules(*memoryLimit/4).methods())
	sandbox := seal(false)
	go watchMemory(worker, *memoryLimit, func() {
		worker.failAll(faultf(codeMemory, "an expression used more memory than the limit of %d bytes", *memoryLimit))
		worker.outMu.Lock() // no frame is cut in two
		os.Exit(exitMemory)
	})
	if err := worker.Run(sandbox); err != nil {
		fmt.Fprintln(stderr, "gitopsd-engine: input broke the protocol:", err)
		return exitFatal
	}
	return 0
}

// rules evaluates users' expressions: health rules in Lua and CEL, paths in jq.
type rules struct {
	box      *box
	programs *programs
}

// newRules keeps evaluations together below memory bytes of heap.
func newRules(memory uint64) *rules {
	lua.MaxArrayIndex = maxLuaArray
	return &rules{box: newBox(memory), programs: newPrograms()}
}

func (r *rules) methods() map[string]method {
	return map[string]method{
		"health": r.health, "jq_paths": r.jqPaths, "check": r.check, "actions": r.actions, "act": r.act,
	}
}

// Rule is one health rule. A CEL rule has a source or cases.
type Rule struct {
	Language string    `json:"language"`
	Source   string    `json:"source"`
	OpenLibs bool      `json:"open_libs"`
	Cases    []CELCase `json:"cases"`
}

// CELCase is one outcome of a CEL rule: the first whose When holds gives its Status, and Message (an expression).
type CELCase struct {
	When    string `json:"when"`
	Status  string `json:"status"`
	Message string `json:"message"`
}

// healthProgram is a compiled rule. It may run many times at once.
type healthProgram interface {
	judge(ctx context.Context, object map[string]any) (verdict, error)
}

// verdict is what one rule says of one object; without status and error it has no opinion.
type verdict struct {
	Status  string `json:"status,omitempty"`
	Message string `json:"message,omitempty"`
	Error   string `json:"error,omitempty"`
	Passing bool   `json:"passing,omitempty"` // the error may be another one at the next try
}

var statuses = map[string]bool{
	"Healthy": true, "Suspended": true, "Progressing": true, "Missing": true, "Degraded": true, "Unknown": true,
}

// health judges each object by its rule. What is wrong with one of them is the answer for that one alone.
func (r *rules) health(job *Job) ([]Manifest, error) {
	var params struct {
		Rules   []Rule `json:"rules"`
		Objects []struct {
			Rule   int             `json:"rule"`
			Object json.RawMessage `json:"object"`
		} `json:"objects"`
	}
	if err := job.decodeParams(&params); err != nil {
		return nil, err
	}
	turn, done := r.box.turn(job, len(params.Rules))
	defer done()
	verdicts := make([]verdict, len(params.Objects))
	for i, each := range params.Objects {
		if each.Rule < 0 || each.Rule >= len(params.Rules) {
			return nil, faultf(codeRequest, "object %d names rule %d, and there are %d", i, each.Rule, len(params.Rules))
		}
		verdicts[i] = r.judged(turn, &params.Rules[each.Rule], each.Rule, each.Object)
	}
	return nil, job.tell(map[string]any{"healths": verdicts})
}

func (r *rules) judged(turn *turn, rule *Rule, number int, raw json.RawMessage) verdict {
	object, err := decodeObject(raw)
	if err != nil {
		return verdict{Error: err.Error()}
	}
	found, err := evaluate(turn, number, func(ctx context.Context) (verdict, error) {
		program, err := r.program(rule)
		if err != nil {
			return verdict{}, err
		}
		return program.judge(ctx, object)
	})
	if err != nil {
		text, passing := turn.told(err, object)
		return verdict{Error: text, Passing: passing}
	}
	if found.Status != "" && !statuses[found.Status] {
		return verdict{Error: fmt.Sprintf("the rule returned an invalid health status: %q", cut(found.Status, 64))}
	}
	found.Message = cut(found.Message, maxRuleMessage)
	return found
}

// check compiles everything and runs nothing.
func (r *rules) check(job *Job) ([]Manifest, error) {
	var params struct {
		Rules       []Rule   `json:"rules"`
		Expressions []string `json:"expressions"`
	}
	if err := job.decodeParams(&params); err != nil {
		return nil, err
	}
	turn, done := r.box.turn(job, len(params.Rules)+len(params.Expressions))
	defer done()
	wrong := make([]compileError, len(params.Rules))
	for i := range params.Rules {
		_, err := evaluate(turn, i, func(context.Context) (healthProgram, error) { return r.program(&params.Rules[i]) })
		wrong[i] = asCompileError(err)
	}
	wrongPaths := make([]compileError, len(params.Expressions))
	for i, expression := range params.Expressions {
		_, err := evaluate(turn, len(wrong)+i, func(context.Context) (*jqProgram, error) { return r.paths(expression) })
		wrongPaths[i] = asCompileError(err)
	}
	return nil, job.tell(map[string]any{"rules": wrong, "expressions": wrongPaths})
}

// program compiles a rule, or finds it compiled.
func (r *rules) program(rule *Rule) (healthProgram, error) {
	found, err := r.programs.get(string(encode(rule)), func() (any, error) {
		switch rule.Language {
		case "lua":
			return compileLua(rule)
		case "cel":
			return compileCEL(rule)
		}
		return nil, faultf(codeRequest, "there is no language %q, only lua and cel", rule.Language)
	})
	if err != nil {
		return nil, err
	}
	return found.(healthProgram), nil
}

func (r *rules) paths(expression string) (*jqProgram, error) {
	found, err := r.programs.get("jq "+expression, func() (any, error) { return compileJQ(expression) })
	if err != nil {
		return nil, err
	}
	return found.(*jqProgram), nil
}
