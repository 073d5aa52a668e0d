package sfu

import (
	"slices"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"
)

const (
	// maxSSRCGroups is how many a=ssrc-group of an m-line are looked at.
	maxSSRCGroups = 16
	// maxRIDLength is what a one-byte header extension holds (RFC 8285, section 4.2).
	maxRIDLength = 16
	// maxRIDs is how many of an m-line's a=rid are looked at.
	maxRIDs = 16
)

// readEncodings tells the encodings of a sending m-line: by their rids if there are several (RFC 8853), else by their SSRCs, if they are named
// (RFC 5576). Both empty: one encoding, of any SSRC. A client that names SSRCs beside rids need not do so in the same order, which is why
// those are not used.
func readEncodings(media *sdp.MediaDescription) (rids []string, ssrcs []videoSSRC) {
	if rids = readRIDs(media); len(rids) > 0 {
		return rids, nil
	}
	return nil, readSSRCs(media)
}

// readRIDs are the streams that a=simulcast says are sent, as many as are forwarded. Where it gives alternatives (separated by commas) the first is
// taken; whether one is paused to begin with ("~") does not matter. One stream alone is no simulcast.
func readRIDs(media *sdp.MediaDescription) []string {
	declared := sendingRIDs(media)
	value, _ := media.Attribute("simulcast")
	fields := strings.Fields(value)
	i := slices.Index(fields, "send")
	if i < 0 || i+1 >= len(fields) {
		return nil
	}
	var rids []string
	for alternatives := range strings.SplitSeq(fields[i+1], ";") {
		rid, _, _ := strings.Cut(alternatives, ",")
		rid = strings.TrimPrefix(rid, "~")
		if len(rids) < maxVideoLayers && slices.Contains(declared, rid) && !slices.Contains(rids, rid) {
			rids = append(rids, strings.Clone(rid))
		}
	}
	if len(rids) < 2 {
		return nil
	}
	return rids
}

// sendingRIDs are those of an m-line's a=rid (RFC 8851) that are of streams from the client.
func sendingRIDs(media *sdp.MediaDescription) []string {
	var rids []string
	for _, a := range media.Attributes {
		if a.Key != "rid" {
			continue
		}
		fields := strings.Fields(a.Value)
		if len(rids) < maxRIDs && len(fields) >= 2 && fields[1] == "send" && isRID(fields[0]) {
			rids = append(rids, fields[0])
		}
	}
	return rids
}

// isRID says whether s can be the identifier of a stream in a header extension (RFC 8852, section 3.1). Those of RFC 8851, section 4, may also have
// dashes and underscores, which are let pass.
func isRID(s string) bool {
	return s != "" && len(s) <= maxRIDLength && strings.IndexFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_')
	}) < 0
}

// readSSRCs are the encodings by SSRC: those of a=ssrc-group:SIM, or else the first one that is named and repeats no other; each with
// the partner that a=ssrc-group:FID gives it.
func readSSRCs(media *sdp.MediaDescription) []videoSSRC {
	var named, simulcast []uint32
	var repairs []videoSSRC
	groups := 0
	for _, a := range media.Attributes {
		switch a.Key {
		case sdp.AttrKeySSRC:
			id, _, _ := strings.Cut(a.Value, " ")
			if ssrc, ok := parseSSRC(id); ok && len(named) < maxSSRCsInOffer && !slices.Contains(named, ssrc) {
				named = append(named, ssrc)
			}
		case sdp.AttrKeySSRCGroup:
			if groups++; groups > maxSSRCGroups {
				continue
			}
			semantics, members := parseSSRCGroup(a.Value)
			switch {
			case semantics == sdp.SemanticTokenForwardErrorCorrection || len(members) == 0:
			case semantics == "SIM" && simulcast == nil:
				simulcast = members
			case semantics == sdp.SemanticTokenFlowIdentification && len(members) == 2:
				repairs = append(repairs, videoSSRC{members[0], members[1]})
			}
		}
	}
	primaries := simulcast
	if primaries == nil {
		named = slices.DeleteFunc(named, func(ssrc uint32) bool {
			return slices.ContainsFunc(repairs, func(r videoSSRC) bool { return r.rtx == ssrc })
		})
		primaries = named[:min(len(named), 1)]
	}
	var ssrcs []videoSSRC
	for _, primary := range primaries[:min(len(primaries), maxVideoLayers)] {
		s := videoSSRC{primary: primary}
		i := slices.IndexFunc(repairs, func(r videoSSRC) bool { return r.primary == primary && !slices.Contains(primaries, r.rtx) })
		if i >= 0 {
			s.rtx = repairs[i].rtx
		}
		ssrcs = append(ssrcs, s)
	}
	return ssrcs
}

func parseSSRC(s string) (ssrc uint32, ok bool) {
	n, err := strconv.ParseUint(s, 10, 32)
	return uint32(n), err == nil && n != 0
}

// parseSSRCGroup reads an a=ssrc-group. It has no members if any of them is malformed, comes twice, or is one of too many.
func parseSSRCGroup(value string) (semantics string, members []uint32) {
	semantics, rest, _ := strings.Cut(value, " ")
	for id := range strings.FieldsSeq(rest) {
		ssrc, ok := parseSSRC(id)
		if !ok || len(members) == maxSSRCsInOffer || slices.Contains(members, ssrc) {
			return semantics, nil
		}
		members = append(members, ssrc)
	}
	return semantics, members
}
