package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"cel.dev/cel-go/ext"
)

const (
	celCost       = 2_000_000 // of one evaluation; the API server allows 1,000,000 for a validation rule's
	celInterrupts = 100       // rounds of a comprehension between two looks at the clock
	celListRange  = 10_000
)

// celRules is made once: it costs milliseconds.
var celRules = sync.OnceValues(func() (*cel.Env, error) {
	return cel.NewEnv(
		cel.Variable("object", cel.DynType),
		cel.Variable("self", cel.DynType),
		cel.OptionalTypes(),
		cel.CrossTypeNumericComparisons(true),
		cel.DefaultUTCTimeZone(true),
		cel.EagerlyValidateDeclarations(true),
		cel.ParserRecursionLimit(100),
		cel.ASTValidators(cel.ValidateDurationLiterals(), cel.ValidateTimestampLiterals(), cel.ValidateRegexLiterals()),
		ext.Strings(), ext.Lists(ext.ListsMaxRangeSize(celListRange)), ext.Math(), ext.Sets(), ext.Encoders(), ext.Bindings(),
		ext.TwoVarComprehensions(),
	)
})

// celProgram is a compiled rule: one expression, or cases of which the first that holds counts.
type celProgram struct {
	whole cel.Program
	cases []celOutcome
}

type celOutcome struct {
	when    cel.Program
	status  string
	message cel.Program // nil: no message
}

func compileCEL(rule *Rule) (*celProgram, error) {
	switch {
	case len(rule.Cases) > maxCases:
		return nil, &compileError{Message: fmt.Sprintf("a rule has at most %d cases", maxCases)}
	case len(rule.Cases) > 0 && rule.Source != "":
		return nil, &compileError{Message: "a rule has a source or cases, not both"}
	case len(rule.Cases) == 0:
		whole, err := compileExpression(rule.Source, cel.StringKind, cel.MapKind, cel.NullTypeKind)
		return &celProgram{whole: whole}, err
	}
	program := &celProgram{}
	for i, each := range rule.Cases {
		outcome, err := compileCase(each)
		var wrong *compileError
		if errors.As(err, &wrong) {
			wrong.Case = i + 1
		}
		if err != nil {
			return nil, err
		}
		program.cases = append(program.cases, outcome)
	}
	return program, nil
}

func compileCase(one CELCase) (celOutcome, error) {
	outcome := celOutcome{status: one.Status}
	if !statuses[one.Status] {
		return outcome, &compileError{Message: fmt.Sprintf("there is no health status %q", cut(one.Status, 64))}
	}
	var err error
	if outcome.when, err = compileExpression(one.When, cel.BoolKind); err != nil {
		return outcome, err
	}
	if one.Message != "" {
		outcome.message, err = compileExpression(one.Message, cel.StringKind)
	}
	return outcome, err
}

// compileExpression refuses an expression whose type is known and none of kinds.
func compileExpression(source string, kinds ...cel.Kind) (cel.Program, error) {
	if len(source) > maxRuleSource {
		return nil, &compileError{Message: fmt.Sprintf("an expression has at most %d bytes", maxRuleSource)}
	}
	environment, err := celRules()
	if err != nil {
		return nil, err
	}
	tree, issues := environment.Compile(source)
	if issues.Err() != nil {
		first := issues.Errors()[0]
		return nil, &compileError{Message: first.Message, Line: max(0, first.Location.Line()), Column: first.Location.Column() + 1}
	}
	if !fits(tree.OutputType(), kinds) {
		return nil, &compileError{Message: fmt.Sprintf("the expression gives a %s, not a %s", tree.OutputType(), kindNames[kinds[0]])}
	}
	return environment.Program(tree, cel.CostLimit(celCost), cel.InterruptCheckFrequency(celInterrupts), cel.EvalOptions(cel.OptOptimize))
}

var kindNames = map[cel.Kind]string{cel.StringKind: "status (string) or a map with status and message", cel.BoolKind: "bool"}

func fits(found *cel.Type, kinds []cel.Kind) bool {
	if found.Kind() == cel.DynKind || found.Kind() == cel.AnyKind || found.TypeName() == "optional_type" {
		return true
	}
	for _, kind := range kinds {
		if found.Kind() == kind {
			return true
		}
	}
	return false
}

func (p *celProgram) judge(ctx context.Context, object map[string]any) (verdict, error) {
	if p.whole != nil {
		value, err := evaluateCEL(ctx, p.whole, object)
		if err != nil {
			return verdict{}, err
		}
		return celVerdict(value)
	}
	for i, each := range p.cases {
		holds, err := evaluateCEL(ctx, each.when, object)
		if err != nil {
			return verdict{}, fmt.Errorf("case %d: %w", i+1, err)
		}
		answer, ok := holds.(types.Bool)
		if !ok {
			return verdict{}, fmt.Errorf("case %d: `when` gives a %s, not a bool", i+1, holds.Type().TypeName())
		}
		if answer {
			return each.verdict(ctx, object)
		}
	}
	return verdict{}, nil
}

func (o celOutcome) verdict(ctx context.Context, object map[string]any) (verdict, error) {
	if o.message == nil {
		return verdict{Status: o.status}, nil
	}
	value, err := evaluateCEL(ctx, o.message, object)
	if err != nil {
		return verdict{}, fmt.Errorf("the message: %w", err)
	}
	text, ok := value.(types.String)
	if !ok {
		return verdict{}, fmt.Errorf("the message is a %s, not a string", value.Type().TypeName())
	}
	return verdict{Status: o.status, Message: string(text)}, nil
}

func evaluateCEL(ctx context.Context, program cel.Program, object map[string]any) (ref.Val, error) {
	value, _, err := program.ContextEval(ctx, map[string]any{"object": object, "self": object})
	if err != nil {
		return nil, err
	}
	if perhaps, ok := value.(*types.Optional); ok {
		if !perhaps.HasValue() {
			return types.NullValue, nil
		}
		value = perhaps.GetValue()
	}
	return value, nil
}

// celVerdict reads a status, or a map with a status and perhaps a message; null and "" are no opinion.
func celVerdict(value ref.Val) (verdict, error) {
	switch found := value.(type) {
	case types.Null:
		return verdict{}, nil
	case types.String:
		return verdict{Status: string(found)}, nil
	case traits.Mapper:
		if found.Size() == types.IntZero {
			return verdict{}, nil
		}
		status, err := celText(found, "status")
		if err != nil {
			return verdict{}, err
		}
		if status == "" {
			return verdict{}, errors.New("the map that the rule gives has no status")
		}
		message, err := celText(found, "message")
		return verdict{Status: status, Message: message}, err
	}
	return verdict{}, fmt.Errorf("the rule gives a %s, not a status or a map with status and message", value.Type().TypeName())
}

func celText(from traits.Mapper, name string) (string, error) {
	value, there := from.Find(types.String(name))
	if !there || value == types.NullValue {
		return "", nil
	}
	text, ok := value.(types.String)
	if !ok {
		return "", fmt.Errorf("the map that the rule gives has a %s as its %s, not a string", value.Type().TypeName(), name)
	}
	return string(text), nil
}
