package main

import (
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"sync"

	"github.com/alecthomas/kong"
	"github.com/goccy/go-yaml"
)

// sources finds settings that no flag gives: first in the environment, then in the file of --config. It is a kong.Resolver. An
// empty environment variable counts as none.
type sources struct {
	found map[string]string // setting → where its value is from, if not from a flag
	load  func(*kong.Context) (settingsFile, error)
}

func newSources() *sources {
	s := &sources{found: make(map[string]string)}
	var once sync.Once
	var file settingsFile
	var err error
	s.load = func(ctx *kong.Context) (settingsFile, error) {
		once.Do(func() { file, err = s.readFile(ctx) })
		return file, err
	}
	return s
}

// Validate implements kong.Resolver.
func (s *sources) Validate(*kong.Application) error { return nil }

// Resolve implements kong.Resolver. What it returns has been tried on the flag, so that an error can name the source.
func (s *sources) Resolve(ctx *kong.Context, path *kong.Path, flag *kong.Flag) (any, error) {
	if !isSetting(flag.Value) {
		return nil, nil
	}
	value, where := fromEnvironment(flag.Name)
	// The file is for the server alone; a command without --config takes shared settings from the environment.
	if value == "" && slices.ContainsFunc(path.Flags, func(f *kong.Flag) bool { return f.Name == "config" }) {
		file, err := s.load(ctx)
		if err != nil {
			return nil, err
		}
		value, where = file.values[flag.Name], "the file "+file.path
	}
	if value == "" {
		return nil, nil
	}
	s.found[flag.Name] = where
	if err := try(flag, value); err != nil {
		return nil, fmt.Errorf("%w%s", err, s.suffix(flag.Name))
	}
	return value, nil
}

// fromEnvironment returns the value of a setting's environment variable, and what to call that source.
func fromEnvironment(setting string) (value, where string) {
	name := environmentName(setting)
	return os.Getenv(name), "the environment variable " + name
}

// suffix says, for the end of an error, where a setting's value is from.
func (s *sources) suffix(setting string) string {
	if where, ok := s.found[setting]; ok {
		return " (from " + where + ")"
	}
	return ""
}

// try parses a flag's value without setting it.
func try(flag *kong.Flag, value string) error {
	if flag.Enum != "" && !flag.EnumMap()[value] {
		return fmt.Errorf("must be one of %q but got %q", flag.EnumSlice(), value)
	}
	scan := kong.ScanFromTokens(kong.Token{Type: kong.FlagValueToken, Value: value})
	return flag.Mapper.Decode(&kong.DecodeContext{Value: flag.Value, Scan: scan}, reflect.New(flag.Target.Type()).Elem())
}

// isSetting tells whether a flag has an environment variable: all of configuration's, in whichever command they stand.
func isSetting(v *kong.Value) bool {
	return v.Flag != nil && settingNames()[v.Name]
}

// settingNames has the name of every field of configuration.
var settingNames = sync.OnceValue(func() map[string]bool {
	names := make(map[string]bool)
	parser, err := kong.New(new(configuration))
	if err != nil {
		panic(err) // the declaration itself is wrong
	}
	for _, flag := range parser.Model.Flags {
		names[flag.Name] = flag.Name != "help"
	}
	return names
})

// settingsFile is the content of the file of --config, as what would be given to flags.
type settingsFile struct {
	path   string
	values map[string]string
}

func (s *sources) readFile(ctx *kong.Context) (settingsFile, error) {
	path, where := fromEnvironment("config")
	file := settingsFile{path: path}
	s.found["config"] = where
	for _, flag := range ctx.Flags() {
		if given, ok := ctx.FlagValue(flag).(string); ok && flag.Name == "config" && given != "" {
			file.path = given
			delete(s.found, "config")
		}
	}
	if file.path == "" {
		return file, nil
	}
	content, err := os.ReadFile(file.path)
	if err != nil {
		return file, &settingError{"config", err.Error()}
	}
	file.values, err = parseSettings(content)
	if err != nil {
		return file, &settingError{"config", fmt.Sprintf("%s: %v", file.path, err)}
	}
	return file, nil
}

// parseSettings reads a YAML mapping of settings to scalars or lists of them. An unknown key is an error: it is a setting
// that its author believes to hold.
func parseSettings(content []byte) (map[string]string, error) {
	var document map[string]any
	if err := yaml.Unmarshal(content, &document); err != nil {
		return nil, err
	}
	values := make(map[string]string, len(document))
	for _, key := range slices.Sorted(maps.Keys(document)) {
		if !settingNames()[key] || key == "config" {
			return nil, fmt.Errorf("unknown key %q", key)
		}
		list, isList := document[key].([]any)
		if !isList {
			list = []any{document[key]}
		}
		texts := make([]string, 0, len(list))
		for _, element := range list {
			switch element.(type) {
			case nil: // as if it were not there
			case map[string]any, []any:
				return nil, fmt.Errorf("%s: expected a value or a list of values", key)
			default:
				texts = append(texts, fmt.Sprint(element))
			}
		}
		values[key] = kong.JoinEscaped(texts, ',')
	}
	return values, nil
}
