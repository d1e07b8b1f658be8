package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"reflect"
	"testing"
)

// ask answers one request with the method run, as the worker would.
func ask(t *testing.T, request *Request, run method) map[string]any {
	t.Helper()
	var answered map[string]any
	job := &Job{ctx: context.Background(), params: request.Params, supply: newSupply(request)}
	if err := json.Unmarshal(answer(7, job, run), &answered); err != nil {
		t.Fatal(err)
	}
	return answered
}

func TestNeedsAreAnsweredAllAtOnceAndOnlyOnce(t *testing.T) {
	run := func(job *Job) ([]Manifest, error) {
		for _, name := range []string{"redis", "common", "redis"} {
			if _, err := job.supply.get(Need{Kind: needChart, Name: name}); !isNeed(err) {
				t.Error(err)
			}
		}
		return nil, errNeeds
	}
	got := ask(t, &Request{}, run)
	want := []any{map[string]any{"kind": "chart", "name": "redis"}, map[string]any{"kind": "chart", "name": "common"}}
	if !reflect.DeepEqual(got["needs"], want) || got["error"] != nil || got["result"] != nil {
		t.Error(got)
	}
}

func TestWhatIsGivenIsThere(t *testing.T) {
	folder := snapshot(t, map[string]string{"Chart.yaml": "name: redis"})
	other := snapshot(t, map[string]string{"values.yaml": "a: 1"})
	chart, file := Need{Kind: needChart, Name: "redis"}, Need{Kind: needHTTP, URL: "https://example.org/v.yaml"}
	request := &Request{
		Roots: map[string]string{"$values": other},
		Given: []Given{{Need: chart, Root: folder}, {Need: file, Content: []byte("b: 2")}},
	}
	got := ask(t, request, func(job *Job) ([]Manifest, error) {
		tree, err := job.supply.folder(chart)
		if err != nil {
			t.Fatal(err)
		}
		if content, err := tree.ReadFile("Chart.yaml"); err != nil || string(content) != "name: redis" {
			t.Error(string(content), err)
		}
		if given, err := job.supply.get(file); err != nil || string(given.Content) != "b: 2" {
			t.Error(given, err)
		}
		values, err := job.supply.root("$values")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := values.ReadFile("values.yaml"); err != nil {
			t.Error(err)
		}
		if _, err := job.supply.root("$others"); err == nil {
			t.Error("a root that nobody named")
		}
		return nil, nil
	})
	result, _ := got["result"].(map[string]any)
	want := []any{map[string]any{"path": "values.yaml", "kind": "file", "root": "$values"}}
	if !reflect.DeepEqual(result["reads"], want) {
		t.Error(got)
	}
}

func TestWhatCouldNotBeHadIsTheRendersError(t *testing.T) {
	need := Need{Kind: needGit, URL: "https://git.example.org/base.git"}
	request := &Request{Given: []Given{{Need: need, Error: "git.example.org cannot be had", Hint: "check the network"}}}
	got := ask(t, request, func(job *Job) ([]Manifest, error) {
		_, err := job.supply.folder(need)
		return nil, err
	})
	fault, _ := got["error"].(map[string]any)
	if fault["code"] != "missing" || fault["message"] != "git.example.org cannot be had" || fault["hint"] != "check the network" {
		t.Error(got)
	}
}

func TestContentTravelsAsBase64(t *testing.T) {
	var given Given
	raw := `{"need":{"kind":"http","url":"https://example.org/x"},"content_base64":"` + base64.StdEncoding.EncodeToString([]byte("x: 1")) + `"}`
	if err := json.Unmarshal([]byte(raw), &given); err != nil || string(given.Content) != "x: 1" || given.Need.Kind != needHTTP {
		t.Error(given, err)
	}
}
