package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

const documentation = "../../docs/configuration.md"

var update = flag.Bool("update", false, "write docs/configuration.md instead of comparing it")

// TestDocumentationIsUpToDate compares docs/configuration.md with the declaration of the settings.
func TestDocumentationIsUpToDate(t *testing.T) {
	want := renderDocumentation(t)
	if *update {
		if err := os.WriteFile(documentation, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(documentation)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("docs/configuration.md is stale; write it with: go test ./cmd/hubbub -run Documentation -update")
	}
}

const documentationTemplate = `# Configuration

<!-- Made from cmd/hubbub/configuration.go. Change that, then: go test ./cmd/hubbub -run Documentation -update -->

` + "`hubbub serve`" + ` needs no configuration: it serves on this machine alone, with guests allowed and everything in memory. Each setting can be
given in three places. A flag beats an environment variable, which beats the file.

- As a flag: ` + "`--media-port 7880`" + `. A setting that takes several values is repeated, ` + "`--origin https://a.example --origin https://b.example`" + `, or
  has them separated by commas.
- As an environment variable, the flag's name in capitals after ` + "`HUBBUB_`" + `: ` + "`HUBBUB_MEDIA_PORT=7880`" + `. Several values are separated by commas (a comma within
  a value is written ` + "`\\,`" + `). An empty variable counts as none.
- In a YAML file that ` + "`--config`" + ` names, under the flag's name without the dashes:

` + "```yaml" + `
listen: 0.0.0.0:8080
media-ip: 203.0.113.7
api-key:
  - web:a-long-random-secret
origin:
  - https://a.example
  - https://b.example
` + "```" + `

Wrong configuration ends the server at once with exit code 2 and a line on standard error that names the flag, and the environment variable or file
that the value is from. A key of the file that is no setting is an error too. Exit code 1 is a failure at run time, such as a port that is in use.

## Settings of hubbub serve

%s
## Who may come in

Without ` + "`--api-key`" + ` everyone is a guest. Therefore an address that other machines reach is refused (exit code 2) unless there are keys or ` + "`--allow-guests`" + `; and
a warning at start says that guests are let in. With keys, clients bring an access token, a JWT signed with one of them (HS256; docs/protocol.md has its claims). To
try it out, make one with ` + "`hubbub token`" + `. Other users of a machine see the flags of its processes: on a shared one, give keys by the environment or the file.

%s
## Looking into a running cluster

` + "`hubbub nodes`, `hubbub rooms` and `hubbub where ROOM`" + ` ask one node what it sees: who is in the cluster, which node owns which room, and how
the asked node's links to the others are doing.

%s
## Ports

HTTP and WebSockets are at ` + "`--listen`" + `; browsers give a page the microphone only on ` + "`localhost`" + ` or behind HTTPS, so put a TLS proxy in front for other machines. Media
go by UDP to ` + "`--media-port`" + ` and the numbers after it, one for each lane, by TCP to the same numbers where UDP is blocked; these must be
reachable by clients at the address of ` + "`--media-ip`" + `. ` + "`--admin-listen`" + ` has what operators need and no protection of its own.

## Ending

On SIGTERM or SIGINT the server turns ` + "`/readyz`" + ` to 503, closes every client with 1012 (reconnect elsewhere), and exits 0 within 5 seconds. A second
signal ends it at once.
`

func renderDocumentation(t *testing.T) string {
	t.Helper()
	parser, err := newParser(new(commandLine), newSources(), io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	tables := make(map[string]string)
	for _, command := range parser.Model.Leaves(true) {
		tables[command.Name] = renderTable(command.Flags)
	}
	return fmt.Sprintf(documentationTemplate, tables["serve"], tables["token"], tables["nodes"])
}

var flagName = regexp.MustCompile(`--[a-z][a-z-]*`)

func renderTable(flags []*kong.Flag) string {
	var b strings.Builder
	b.WriteString("| flag | default | meaning |\n|---|---|---|\n")
	for _, f := range flags {
		standard := f.Tag.Get("unset")
		switch {
		case f.HasDefault:
			standard = "`" + f.Default + "`"
		case f.IsBool():
			standard = "`false`"
		case f.Required:
			standard = "required"
		}
		fmt.Fprintf(&b, "| `--%s` | %s | %s |\n", f.Name, standard, flagName.ReplaceAllString(f.Help, "`$0`"))
	}
	return b.String()
}
