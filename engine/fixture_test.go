package main

import (
	"context"
	"encoding/json"
	"log"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// actAsEngine in the environment makes the test binary the engine itself.
const actAsEngine = "GITOPSD_ENGINE_UNDER_TEST"

func TestMain(m *testing.M) {
	if os.Getenv(actAsEngine) == "probe" {
		probeSeal()
		return
	}
	if os.Getenv(actAsEngine) == "probe-files" {
		probeFiles()
		return
	}
	if os.Getenv(actAsEngine) != "" {
		main()
		return
	}
	sealNetwork()
	hub.install()
	if !strings.Contains(strings.Join(os.Args, " "), "-test.fuzz=") { // which tells there how far it is
		os.Stderr, _ = os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	}
	os.Exit(m.Run())
}

// snapshot writes files into a new folder. A value that begins with "-> " makes a symbolic link.
func snapshot(t testing.TB, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if target, isLink := strings.CutPrefix(content, "-> "); isLink {
			err = os.Symlink(target, file)
		} else {
			err = os.WriteFile(file, []byte(content), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

type params map[string]any

// rendered is an answer as a caller of the engine sees it.
type rendered struct {
	Result struct {
		Manifests []struct {
			Object   map[string]any `json:"object"`
			File     string         `json:"file"`
			Line     int            `json:"line"`
			Document int            `json:"document"`
		} `json:"manifests"`
		Reads    []Read   `json:"reads"`
		Warnings []string `json:"warnings"`
		Random   []Drawn  `json:"random"`
	} `json:"result"`
	Error *Fault `json:"error"`
	text  string
}

// call runs one method with a deadline of its own and decodes the encoded answer.
func call(t testing.TB, name string, p params) rendered {
	t.Helper()
	encoded, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	done := make(chan []byte, 1)
	go func() { done <- answer(1, &Job{ctx: ctx, params: encoded}, methods()[name]) }()
	select {
	case body := <-done:
		var out rendered
		decoder := json.NewDecoder(strings.NewReader(string(body)))
		decoder.UseNumber()
		if err := decoder.Decode(&out); err != nil {
			t.Fatalf("answer is not JSON: %v\n%s", err, body)
		}
		out.text = string(body)
		return out
	case <-ctx.Done():
		t.Fatal("no answer in 30 s")
	}
	return rendered{}
}

func mustRender(t testing.TB, name string, p params) rendered {
	t.Helper()
	out := call(t, name, p)
	if out.Error != nil {
		t.Fatalf("%s failed: %+v", name, *out.Error)
	}
	return out
}

func mustFail(t testing.TB, code Code, name string, p params) *Fault {
	t.Helper()
	out := call(t, name, p)
	if out.Error == nil {
		t.Fatalf("%s succeeded, expected an error of code %s: %s", name, code, out.text)
	}
	if out.Error.Code != code {
		t.Fatalf("code %s, expected %s: %+v", out.Error.Code, code, *out.Error)
	}
	return out.Error
}

// at looks a value up by a dotted path.
func at(t testing.TB, object map[string]any, dotted string) any {
	t.Helper()
	var value any = object
	for _, key := range strings.Split(dotted, ".") {
		fields, ok := value.(map[string]any)
		if !ok {
			t.Fatalf("%s: no mapping at %q in %v", dotted, key, object)
		}
		value = fields[key]
	}
	return value
}

func names(r rendered) []string {
	var out []string
	for _, m := range r.Result.Manifests {
		metadata, _ := m.Object["metadata"].(map[string]any)
		name, _ := metadata["name"].(string)
		out = append(out, m.Object["kind"].(string)+"/"+name)
	}
	return out
}

func hasRead(reads []Read, path, kind string) bool {
	for _, r := range reads {
		if r.Path == path && r.Kind == kind {
			return true
		}
	}
	return false
}

const configMap = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: NAME\n"

func cm(name string) string { return strings.ReplaceAll(configMap, "NAME", name) }

// secretFile is outside of every snapshot; its content must never be in an answer.
func secretFile(t testing.TB) (path, content string) {
	t.Helper()
	content = "TOP-SECRET-CONTENT"
	path = filepath.Join(t.TempDir(), "secret.yaml")
	if err := os.WriteFile(path, []byte("apiVersion: v1\nkind: Secret\nmetadata: {name: "+content+"}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path, content
}

// logFatal gives up as libraries do.
func logFatal(text string) { log.Fatal(text) }
