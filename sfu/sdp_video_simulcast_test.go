package sfu

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pion/sdp/v3"
	"pgregory.net/rapid"
)

// mediaOf is an m-line with these attributes.
func mediaOf(attributes ...string) *sdp.MediaDescription {
	m := &sdp.MediaDescription{}
	for _, a := range attributes {
		key, value, _ := strings.Cut(a, ":")
		m.Attributes = append(m.Attributes, sdp.Attribute{Key: key, Value: value})
	}
	return m
}

func TestEncodings(t *testing.T) {
	long := strings.Repeat("x", maxRIDLength+1)
	for name, c := range map[string]struct {
		attributes []string
		rids       []string
		ssrcs      []videoSSRC
	}{
		"nothing":                       {nil, nil, nil},
		"one SSRC":                      {[]string{"ssrc:7 cname:x", "ssrc:7 msid:a b"}, nil, []videoSSRC{{7, 0}}},
		"with repair":                   {[]string{"ssrc-group:FID 7 8", "ssrc:8 cname:x", "ssrc:7 cname:x"}, nil, []videoSSRC{{7, 8}}},
		"repair of what is not":         {[]string{"ssrc-group:FID 9 8", "ssrc:7 cname:x"}, nil, []videoSSRC{{7, 0}}},
		"no SSRC":                       {[]string{"ssrc:0 cname:x", "ssrc:x", "ssrc:-1", "ssrc:4294967296"}, nil, nil},
		"simulcast by SSRC":             {[]string{"ssrc-group:SIM 1 2 3", "ssrc-group:FID 3 6", "ssrc-group:FID 1 4"}, nil, []videoSSRC{{1, 4}, {2, 0}, {3, 6}}},
		"four by SSRC":                  {[]string{"ssrc-group:SIM 1 2 3 4"}, nil, []videoSSRC{{1, 0}, {2, 0}, {3, 0}}},
		"an encoding as repair":         {[]string{"ssrc-group:SIM 1 2", "ssrc-group:FID 1 2"}, nil, []videoSSRC{{1, 0}, {2, 0}}},
		"one SSRC twice":                {[]string{"ssrc-group:SIM 1 1", "ssrc:5"}, nil, []videoSSRC{{5, 0}}},
		"a group of nonsense":           {[]string{"ssrc-group:SIM 1 x", "ssrc-group:FID", "ssrc-group:", "ssrc:5"}, nil, []videoSSRC{{5, 0}}},
		"FEC is none":                   {[]string{"ssrc-group:FEC-FR 1 2", "ssrc:1"}, nil, []videoSSRC{{1, 0}}},
		"three rids":                    {[]string{"rid:a send", "rid:b send", "rid:c send", "simulcast:send c;b;a", "ssrc:1"}, []string{"c", "b", "a"}, nil},
		"paused":                        {[]string{"rid:a send", "rid:b send", "simulcast:send ~a;~b"}, []string{"a", "b"}, nil},
		"the other direction too":       {[]string{"rid:a send", "rid:b send", "rid:z recv", "simulcast:recv z send a;b"}, []string{"a", "b"}, nil},
		"alternatives":                  {[]string{"rid:a send", "rid:b send", "rid:c send", "simulcast:send a,c;~b"}, []string{"a", "b"}, nil},
		"four rids":                     {[]string{"rid:a send", "rid:b send", "rid:c send", "rid:d send", "simulcast:send a;b;c;d"}, []string{"a", "b", "c"}, nil},
		"restrictions":                  {[]string{"rid:a send pt=96;max-width=320", "rid:b send pt=96", "simulcast:send a;b"}, []string{"a", "b"}, nil},
		"one rid":                       {[]string{"rid:a send", "simulcast:send a", "ssrc:1"}, nil, []videoSSRC{{1, 0}}},
		"rids without simulcast":        {[]string{"rid:a send", "rid:b send"}, nil, nil},
		"rids that are not declared":    {[]string{"rid:a send", "simulcast:send a;b;c"}, nil, nil},
		"rids that are received":        {[]string{"rid:a recv", "rid:b recv", "simulcast:send a;b"}, nil, nil},
		"a rid twice":                   {[]string{"rid:a send", "rid:b send", "simulcast:send a;a;b"}, []string{"a", "b"}, nil},
		"rids that cannot be":           {[]string{"rid:" + long + " send", "rid:a:b send", "rid:é send", "simulcast:send " + long + ";a:b;é"}, nil, nil},
		"simulcast cut off":             {[]string{"rid:a send", "rid:b send", "simulcast:send"}, nil, nil},
		"simulcast of nothing but dots": {[]string{"rid:a send", "rid:b send", "simulcast:send ;;;,,;~"}, nil, nil},
	} {
		rids, ssrcs := readEncodings(mediaOf(c.attributes...))
		if !slices.Equal(rids, c.rids) || !slices.Equal(ssrcs, c.ssrcs) {
			t.Errorf("%s: %q, %v", name, rids, ssrcs)
		}
	}
}

func TestEncodingsAreBoundedAndDistinct(t *testing.T) {
	attribute := rapid.OneOf(
		rapid.Custom(func(t *rapid.T) string { return "rid:" + rapid.StringMatching(`[a-e~]( (send|recv))?`).Draw(t, "rid") }),
		rapid.Custom(func(t *rapid.T) string {
			return "simulcast:" + rapid.StringMatching(`((send|recv) ~?[a-e]([;,]~?[a-e]){0,6} ?){0,2}`).Draw(t, "simulcast")
		}),
		rapid.Custom(func(t *rapid.T) string {
			return "ssrc-group:" + rapid.StringMatching(`(SIM|FID|FEC-FR)( [0-9]){0,20}`).Draw(t, "group")
		}),
		rapid.Custom(func(t *rapid.T) string { return fmt.Sprintf("ssrc:%d cname:x", rapid.IntRange(-1, 9).Draw(t, "ssrc")) }),
	)
	rapid.Check(t, func(t *rapid.T) {
		media := mediaOf(rapid.SliceOfN(attribute, 0, 30).Draw(t, "attributes")...)
		rids, ssrcs := readEncodings(media)
		if len(rids) > 0 && ssrcs != nil || len(rids) == 1 || len(rids) > maxVideoLayers || len(ssrcs) > maxVideoLayers {
			t.Fatalf("%q and %v", rids, ssrcs)
		}
		seen := make(map[string]bool)
		for _, rid := range rids {
			if !isRID(rid) || seen[rid] {
				t.Fatalf("rids %q", rids)
			}
			seen[rid] = true
		}
		primaries := make(map[uint32]bool)
		for _, s := range ssrcs {
			if s.primary == 0 || primaries[s.primary] {
				t.Fatalf("SSRCs %v", ssrcs)
			}
			primaries[s.primary] = true
		}
		for _, s := range ssrcs {
			if primaries[s.rtx] {
				t.Fatalf("SSRCs %v", ssrcs)
			}
		}
	})
}
