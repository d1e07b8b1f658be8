package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sort"

	lua "github.com/yuin/gopher-lua"
)

// Limits of what an action script may say.
const (
	maxActions    = 100
	maxParameters = 32
	maxImpacted   = 50
	maxActionText = 1 << 10 // of one name, title, default
)

// offeredAction is what discovery.lua says of one action.
type offeredAction struct {
	Name       string            `json:"name"`
	Disabled   bool              `json:"disabled,omitempty"`
	Icon       string            `json:"icon,omitempty"`
	Title      string            `json:"title,omitempty"`
	Parameters []actionParameter `json:"parameters,omitempty"`
}

type actionParameter struct {
	Name    string `json:"name"`
	Default string `json:"default,omitempty"`
}

// impacted is one object that an action changes (`patch`: the object as it shall be) or makes (`create`).
type impacted struct {
	Operation string `json:"operation"`
	Resource  any    `json:"resource"`
}

// actionAnswer has an error, or what the script said.
type actionAnswer struct {
	Actions  []offeredAction `json:"actions,omitempty"`
	Impacted []impacted      `json:"impacted,omitempty"`
	Error    string          `json:"error,omitempty"`
	Passing  bool            `json:"passing,omitempty"`
}

type actionParams struct {
	Source   string            `json:"source"`
	OpenLibs bool              `json:"open_libs"`
	Object   json.RawMessage   `json:"object"`
	Given    map[string]string `json:"parameters"`
}

// actions runs discovery.lua: `obj` in; out a table from names to {disabled, iconClass, displayName, params}.
func (r *rules) actions(job *Job) ([]Manifest, error) {
	return r.script(job, func(ctx context.Context, program *luaProgram, params *actionParams, object map[string]any) (found actionAnswer, err error) {
		err = program.run(ctx, object, func(value lua.LValue) error {
			found.Actions, err = offeredActions(value)
			return err
		})
		return found, err
	})
}

// act runs action.lua: `obj` and `actionParams` in; out the object as it shall be, or a list of {operation, resource}.
func (r *rules) act(job *Job) ([]Manifest, error) {
	return r.script(job, func(ctx context.Context, program *luaProgram, params *actionParams, object map[string]any) (found actionAnswer, err error) {
		shapes := newShapes()
		err = program.runWith(ctx, func(state *lua.LState) {
			table := toLua(state, object)
			shapes.learn(table, object)
			state.SetGlobal("obj", table)
			given := state.NewTable()
			for name, text := range params.Given {
				given.RawSetString(name, lua.LString(text))
			}
			state.SetGlobal("actionParams", given)
		}, func(value lua.LValue) error {
			found.Impacted, err = impactedObjects(value, shapes)
			return err
		})
		return found, err
	})
}

// script runs one Lua script on one object; what is wrong with it is the answer.
func (r *rules) script(job *Job, run func(context.Context, *luaProgram, *actionParams, map[string]any) (actionAnswer, error)) ([]Manifest, error) {
	var params actionParams
	if err := job.decodeParams(&params); err != nil {
		return nil, err
	}
	object, err := decodeObject(params.Object)
	if err != nil {
		return nil, faultf(codeRequest, "%s", err)
	}
	turn, done := r.box.turn(job, 1)
	defer done()
	rule := &Rule{Language: "lua", Source: params.Source, OpenLibs: params.OpenLibs}
	found, err := evaluate(turn, 0, func(ctx context.Context) (actionAnswer, error) {
		program, err := r.program(rule)
		if err != nil {
			return actionAnswer{}, err
		}
		return run(ctx, program.(*luaProgram), &params, object)
	})
	if err != nil {
		found = actionAnswer{}
		found.Error, found.Passing = turn.told(err, object)
	}
	return nil, job.tell(map[string]any{"found": found})
}

func offeredActions(value lua.LValue) ([]offeredAction, error) {
	table, ok := value.(*lua.LTable)
	if !ok {
		return nil, fmt.Errorf("expect table output from Lua script, not %s", value.Type())
	}
	found := []offeredAction{}
	var wrong error
	table.ForEach(func(key, value lua.LValue) {
		name, named := key.(lua.LString)
		one, isTable := value.(*lua.LTable)
		switch {
		case wrong != nil:
		case !named || name == "":
			wrong = errors.New("an action in the table has no name")
		case !isTable:
			wrong = fmt.Errorf("the action %q is a %s, not a table", cut(string(name), 64), value.Type())
		case len(found) == maxActions:
			wrong = fmt.Errorf("there are more than %d actions", maxActions)
		default:
			var action offeredAction
			action, wrong = offeredOne(string(name), one)
			found = append(found, action)
		}
	})
	sort.Slice(found, func(i, j int) bool { return found[i].Name < found[j].Name })
	return found, wrong
}

func offeredOne(name string, table *lua.LTable) (offeredAction, error) {
	found := offeredAction{Name: cut(name, maxActionText), Disabled: lua.LVAsBool(table.RawGetString("disabled"))}
	found.Icon = luaText(table.RawGetString("iconClass"))
	found.Title = luaText(table.RawGetString("displayName"))
	list, ok := table.RawGetString("params").(*lua.LTable)
	if !ok {
		return found, nil
	}
	if list.Len() > maxParameters {
		return found, fmt.Errorf("the action %q has more than %d parameters", cut(name, 64), maxParameters)
	}
	for i := 1; i <= list.Len(); i++ {
		one, ok := list.RawGetInt(i).(*lua.LTable)
		if !ok || luaText(one.RawGetString("name")) == "" {
			return found, fmt.Errorf("parameter %d of the action %q has no name", i, cut(name, 64))
		}
		offered := luaText(one.RawGetString("default"))
		if offered == "" {
			offered = luaText(one.RawGetString("value"))
		}
		found.Parameters = append(found.Parameters, actionParameter{luaText(one.RawGetString("name")), offered})
	}
	return found, nil
}

// luaText is a text, or a number as one; "" for anything else.
func luaText(value lua.LValue) string {
	switch value.(type) {
	case lua.LString, lua.LNumber:
		return cut(value.String(), maxActionText)
	}
	return ""
}

func impactedObjects(value lua.LValue, shapes *shapes) ([]impacted, error) {
	table, ok := value.(*lua.LTable)
	if !ok {
		return nil, fmt.Errorf("expect table output from Lua script, not %s", value.Type())
	}
	if table.Len() == 0 {
		object, err := shapes.object(table)
		return []impacted{{"patch", object}}, err
	}
	if table.Len() > maxImpacted {
		return nil, fmt.Errorf("the script returned more than %d objects", maxImpacted)
	}
	var found []impacted
	for i := 1; i <= table.Len(); i++ {
		one, ok := table.RawGetInt(i).(*lua.LTable)
		if !ok {
			return nil, fmt.Errorf("item %d of the list that the script returned is no table", i)
		}
		operation := luaText(one.RawGetString("operation"))
		if operation != "create" && operation != "patch" {
			return nil, fmt.Errorf("item %d of the list that the script returned has the operation %q: only create and patch are known", i, cut(operation, 64))
		}
		resource, ok := one.RawGetString("resource").(*lua.LTable)
		if !ok {
			return nil, fmt.Errorf("item %d of the list that the script returned has no resource", i)
		}
		object, err := shapes.object(resource)
		if err != nil {
			return nil, err
		}
		found = append(found, impacted{operation, object})
	}
	return found, nil
}
