package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"go/parser"
	"go/token"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// process is the engine as a real process.
type process struct {
	t       *testing.T
	command *exec.Cmd
	in      io.WriteCloser
	answers chan rendered
	hello   map[string]any
	stderr  bytes.Buffer
}

func start(t *testing.T, arguments ...string) *process {
	t.Helper()
	p := &process{t: t, command: exec.Command(os.Args[0], arguments...), answers: make(chan rendered, 100)}
	p.command.Env = append(os.Environ(), actAsEngine+"=1", "SECRET=TOP-SECRET-CONTENT")
	p.command.Stderr = &p.stderr
	var err error
	if p.in, err = p.command.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := p.command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.command.Start(); err != nil {
		t.Fatal(err)
	}
	hello, err := readFrame(out)
	if err != nil {
		t.Fatal(err, p.stderr.String())
	}
	if err := json.Unmarshal(hello, &p.hello); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.answers)
		for {
			body, err := readFrame(out)
			if err != nil {
				return
			}
			var answer rendered
			_ = json.Unmarshal(body, &answer)
			answer.text = string(body)
			p.answers <- answer
		}
	}()
	t.Cleanup(func() { _ = p.command.Process.Kill() })
	return p
}

func (p *process) send(id int, method string, deadline int, body any) {
	p.t.Helper()
	encoded, err := json.Marshal(map[string]any{"id": id, "method": method, "deadline_ms": deadline, "params": body})
	if err != nil {
		p.t.Fatal(err)
	}
	if err := writeFrame(p.in, encoded); err != nil {
		p.t.Fatal(err)
	}
}

func (p *process) next() rendered {
	p.t.Helper()
	select {
	case answer, open := <-p.answers:
		if !open {
			p.t.Fatal("the engine closed its output: " + p.stderr.String())
		}
		return answer
	case <-time.After(20 * time.Second):
		p.t.Fatal("no answer in 20 s")
	}
	return rendered{}
}

func (p *process) exitCode() int {
	p.t.Helper()
	done := make(chan error, 1)
	go func() {
		for range p.answers { // the pipe must be empty before Wait
		}
		done <- p.command.Wait()
	}()
	select {
	case <-done:
		return p.command.ProcessState.ExitCode()
	case <-time.After(20 * time.Second):
		p.t.Fatal("the engine did not exit in 20 s")
	}
	return -1
}

func id(answer rendered) int {
	var head struct {
		ID int `json:"id"`
	}
	_ = json.Unmarshal([]byte(answer.text), &head)
	return head.ID
}

func endlessChart(t *testing.T) string {
	return snapshot(t, chartFiles(map[string]string{"chart/templates/x.yaml": strings.Repeat("{{ range until 10000 }}", 4) + strings.Repeat("{{ end }}", 4)}))
}

func TestEngineGreetsAnswersAndEndsWithItsInput(t *testing.T) {
	p := start(t)
	if p.hello["protocol"] != 1.0 || len(p.hello["methods"].([]any)) != 5 {
		t.Error(p.hello)
	}
	root := snapshot(t, overlay(""))
	for i := range 20 {
		p.send(i, "kustomize", 0, params{"root": root, "path": "overlay"})
	}
	seen := map[int]bool{}
	for range 20 {
		answer := p.next()
		if answer.Error != nil || len(answer.Result.Manifests) != 2 {
			t.Fatal(answer.text)
		}
		seen[id(answer)] = true
	}
	if len(seen) != 20 {
		t.Error(seen)
	}
	_ = p.in.Close()
	if code := p.exitCode(); code != 0 || p.stderr.Len() > 0 {
		t.Errorf("exit code %d, stderr %q", code, p.stderr.String())
	}
}

func TestEngineAnswersBadRequests(t *testing.T) {
	p := start(t)
	for _, body := range []string{"{", "[]", `{"id":3,"method":"nope"}`, `{"id":4,"method":"helm","params":7}`, `{"id":5,"method":"cancel","params":7}`} {
		if err := writeFrame(p.in, []byte(body)); err != nil {
			t.Fatal(err)
		}
		if answer := p.next(); answer.Error == nil || answer.Error.Code != codeRequest {
			t.Errorf("%s: %s", body, answer.text)
		}
	}
	p.send(6, "decode", 0, decodeParamsOf(cm("a")))
	if answer := p.next(); answer.Error != nil {
		t.Error(answer.text)
	}
}

func TestEngineRefusesFramesThatAreTooLarge(t *testing.T) {
	p := start(t)
	if err := binary.Write(p.in, binary.BigEndian, uint32(maxRequestBytes+1)); err != nil {
		t.Fatal(err)
	}
	if code := p.exitCode(); code != exitFatal || !strings.Contains(p.stderr.String(), "protocol") {
		t.Error(code, p.stderr.String())
	}
}

func TestEngineAnswersAtTheDeadlineWhileOthersGoOn(t *testing.T) {
	p := start(t)
	p.send(1, "helm", 300, helmOf(endlessChart(t), nil))
	p.send(2, "decode", 0, decodeParamsOf(cm("a")))
	if answer := p.next(); id(answer) != 2 || answer.Error != nil {
		t.Fatal(answer.text)
	}
	answer := p.next()
	if id(answer) != 1 || answer.Error == nil || answer.Error.Code != codeDeadline || answer.Error.Worker != "stuck" || answer.Error.Hint == "" {
		t.Fatal(answer.text)
	}
	p.send(3, "decode", 0, decodeParamsOf(cm("a")))
	if answer := p.next(); answer.Error != nil {
		t.Error(answer.text)
	}
}

func TestEngineCancels(t *testing.T) {
	p := start(t)
	p.send(1, "helm", 60_000, helmOf(endlessChart(t), nil))
	p.send(1, "helm", 60_000, helmOf(endlessChart(t), nil))
	if answer := p.next(); answer.Error == nil || answer.Error.Code != codeRequest {
		t.Fatal("an id in flight was taken again: " + answer.text)
	}
	p.send(2, "cancel", 0, params{"id": 1})
	p.send(3, "cancel", 0, params{"id": 77})
	got := map[int]string{}
	for range 3 {
		answer := p.next()
		got[id(answer)] = answer.text
	}
	if !strings.Contains(got[1], "cancelled by the caller") || got[2] != `{"id":2,"result":{"cancelled":true}}` || got[3] != `{"id":3,"result":{"cancelled":false}}` {
		t.Error(got)
	}
}

func TestEngineAnswersAllWhenMemoryRunsOut(t *testing.T) {
	p := start(t, "--memory-limit", strconv.Itoa(300<<20))
	// Not faster than the engine looks at its memory, however busy the machine is.
	template := `{{ $x := repeat 1000000 "x" }}{{ $l := list }}{{ range until 20000 }}{{ $l = append $l (print (sha256sum $x) $x) }}{{ end }}`
	greedy := snapshot(t, chartFiles(map[string]string{"chart/templates/x.yaml": template}))
	p.send(1, "helm", 60_000, helmOf(endlessChart(t), nil))
	p.send(2, "helm", 60_000, helmOf(greedy, nil))
	for range 2 {
		if answer := p.next(); answer.Error == nil || answer.Error.Code != codeMemory || !strings.Contains(answer.Error.Message, strconv.Itoa(300<<20)) {
			t.Fatal(answer.text)
		}
	}
	if code := p.exitCode(); code != exitMemory {
		t.Error(code)
	}
}

func TestMemoryThatIsGivenBackAtOnceIsRefusedToo(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has RLIMIT_DATA")
	}
	p := start(t, "--memory-limit", strconv.Itoa(100<<20))
	p.send(1, "helm", 60_000, helmOf(snapshot(t, chartFiles(map[string]string{
		"chart/templates/x.yaml": `# {{ len (repeat 100000000 "xxxxxxxxxx") }}`,
	})), nil))
	if code := p.exitCode(); code != exitUsage && code != exitMemory {
		t.Error(code)
	}
}

func TestEngineHasNoEnvironmentNoProgramsAndNoSockets(t *testing.T) {
	p := start(t)
	if p.hello["sandbox"] != "seccomp" {
		t.Skipf("the kernel allows no seccomp filter here: %v", p.hello["sandbox"])
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.command.Process.Pid))
	if err != nil || !strings.Contains(string(status), "Seccomp:\t2") || !strings.Contains(string(status), "NoNewPrivs:\t1") {
		t.Error(err, string(status))
	}
	root := snapshot(t, chartFiles(map[string]string{"chart/templates/x.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {e: {{ env \"SECRET\" | quote }}}\n"}))
	p.send(1, "helm", 0, helmOf(root, nil))
	if answer := p.next(); strings.Contains(answer.text, "TOP-SECRET") {
		t.Error(answer.text)
	}
}

func TestAPanicEndsItsRequestOnly(t *testing.T) {
	for _, reason := range []any{"boom", fmt.Errorf("wrapped: %w", leaves("x")), leaves("x")} {
		body := answer(9, &Job{}, func(*Job) ([]Manifest, error) { panic(reason) })
		var out rendered
		if err := json.Unmarshal(body, &out); err != nil || out.Error == nil {
			t.Fatal(err, string(body))
		}
		if _, isText := reason.(string); isText && (out.Error.Code != codeInternal || !strings.Contains(out.Error.Hint, "TestAPanicEndsItsRequestOnly")) {
			t.Errorf("%+v", *out.Error)
		}
	}
}

func TestALibraryThatGivesUpEndsItsRequestOnly(t *testing.T) {
	body := answer(9, &Job{}, func(*Job) ([]Manifest, error) { logFatal("lost"); return nil, nil })
	if !strings.Contains(string(body), "a library gave up: lost") {
		t.Error(string(body))
	}
}

// TestOwnCodeStartsNoProgramsAndOpensNoSockets reads the imports of the engine's own sources.
func TestOwnCodeStartsNoProgramsAndOpensNoSockets(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) < 10 {
		t.Fatal(err, files)
	}
	allowed := map[string]string{"seal.go": `"net/http"`} // only to make the default client refuse
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") || strings.HasPrefix(file, "fetch") {
			continue // the fetch role is a process of its own
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range parsed.Imports {
			name := strings.Trim(spec.Path.Value, `"`)
			connects := name == "net" || strings.HasPrefix(name, "net/") && name != "net/url" && name != "net/netip" // these two read text
			bad := name == "os/exec" || connects || name == "plugin" ||
				strings.HasPrefix(name, "k8s.io/client-go") || strings.HasPrefix(name, "helm.sh/helm/v4/pkg/action") || strings.HasPrefix(name, "helm.sh/helm/v4/pkg/cli")
			if bad && allowed[file] != spec.Path.Value {
				t.Errorf("%s imports %s", file, name)
			}
		}
	}
}

var fetchCalls = regexp.MustCompile(`\bfetch[A-Z]\w*\(`)

// TestOnlyConfinedReadsFiles finds calls of package os that would go around the Tree.
func TestOnlyConfinedReadsFiles(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(file, "_test.go") || file == "confined.go" || file == "seal.go" || strings.HasPrefix(file, "fetch") {
			continue
		}
		if called := fetchCalls.FindAllString(string(text), -1); file != "main.go" && len(called) > 0 {
			t.Errorf("%s is of the render role and calls %s of the fetch role", file, called)
		}
		for _, call := range []string{"os.Open", "os.ReadFile", "os.ReadDir", "os.Stat", "os.Create", "os.WriteFile", "filepath.Walk(", "MakeFsOnDisk", "loader.LoadDir", "loader.LoadFile(", "ignore.ParseFile"} {
			if bytes.Contains(text, []byte(call)) {
				t.Errorf("%s calls %s", file, call)
			}
		}
	}
}

// probeSeal is a process that seals itself and then tries what an attacker would.
func probeSeal() {
	sandbox := seal(true)
	_, program := os.StartProcess("/bin/true", []string{"true"}, &os.ProcAttr{})
	_, dial := net.Dial("tcp", "127.0.0.1:1")
	_, get := http.Get("http://127.0.0.1:1/")
	_, git := exec.LookPath("git")
	fmt.Printf("%s|%v|%v|%v|%v|%d\n", sandbox, program, dial, get, git, len(os.Environ()))
}

func TestTheSealHoldsAgainstTheKernelItself(t *testing.T) {
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), actAsEngine+"=probe")
	output, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Split(strings.TrimSpace(string(output)), "|")
	if len(got) != 6 || !strings.Contains(got[3], "not fetched while rendering") || !strings.Contains(got[4], "not found") || got[5] != "0" {
		t.Fatal(got)
	}
	if got[0] != "seccomp" {
		t.Skipf("the kernel allows no seccomp filter here: %s", got[0])
	}
	if !strings.Contains(got[1], "operation not permitted") || !strings.Contains(got[2], "operation not permitted") {
		t.Error(got)
	}
}
