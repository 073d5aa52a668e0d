// Command hubbub is the voice-room server in one binary. Its files, in the order of what happens: configuration.go declares every
// setting once; sources.go fills them from flags, environment and file; validate.go refuses what makes no sense;
// serve.go wires the packages together. token.go mints access tokens; nodes.go and rooms.go
// look into a running service.
//
// Exit codes: 0 done, 1 failed, 2 wrong configuration or usage.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/alecthomas/kong"
)

const (
	exitFailed = 1
	exitUsage  = 2
)

// commandLine is what the binary can do.
type commandLine struct {
	Serve    serveCommand    `cmd:"" help:"Run the server."`
	Loadtest loadtestCommand `cmd:"" help:"Put a load on a server, to size a machine."`
	Token    tokenCommand    `cmd:"" help:"Make an access token and print it."`
	Nodes    nodesCommand    `cmd:"" help:"Show the nodes of a running cluster, and their links."`
	Rooms    roomsCommand    `cmd:"" help:"Show the rooms of a running cluster, and which node owns each."`
	Where    whereCommand    `cmd:"" help:"Show which node owns a room."`
	Version  versionCommand  `cmd:"" help:"Print the version."`
}

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, stdout, stderr io.Writer) int {
	src := newSources()
	parser, err := newParser(new(commandLine), src, stdout, stderr)
	if err != nil {
		panic(err) // the declaration itself is wrong, whatever the arguments
	}
	command, err := parser.Parse(args)
	if err == nil {
		err = command.Run()
	}
	var badSetting *settingError
	var badUsage *kong.ParseError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &badSetting):
		fmt.Fprintf(stderr, "hubbub: %v%s\n", badSetting, src.suffix(badSetting.setting))
		return exitUsage
	case errors.As(err, &badUsage):
		fmt.Fprintf(stderr, "hubbub: %v\n", err)
		return exitUsage
	}
	fmt.Fprintf(stderr, "hubbub: %v\n", err)
	return exitFailed
}

func newParser(commands *commandLine, src *sources, stdout, stderr io.Writer) (*kong.Kong, error) {
	return kong.New(commands,
		kong.Name("hubbub"),
		kong.Description("Hubbub: voice rooms in the browser."),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 120}),
		kong.ValueFormatter(describe),
		kong.Resolvers(src),
		kong.Writers(stdout, stderr),
		kong.BindTo(stdout, (*io.Writer)(nil)),
	)
}
