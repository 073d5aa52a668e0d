package sfu

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/interceptor/pkg/twcc"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

// Of video in tests: payload types, extensions and SSRCs as pictureOffer names them.
const (
	testVP8, testVP8RTX   = 96, 97
	testH264, testH264RTX = 98, 99

	testMidID, testRIDID, testRepairedRIDID, testTransportID, testOrientationID = 4, 5, 6, 3, 7
)

// videoRoom is a room whose clock stands still until the test lets it go on, with peers whose transports are fake.
type videoRoom struct {
	t      testing.TB
	sfu    *SFU
	router *Router
	now    *atomic.Int64
	people []*videoPerson
}

func newVideoRoom(t testing.TB, cfg Config) *videoRoom {
	t.Helper()
	now := &atomic.Int64{}
	now.Store(int64(time.Minute))
	cfg.Lanes = 1
	if cfg.VideoSlots == 0 {
		cfg.VideoSlots = 8
	}
	s := newTestSFUWithClock(t, cfg, func() time.Duration { return time.Duration(now.Load()) })
	r := &videoRoom{t: t, sfu: withFakeTransports(s), router: s.NewRouter(), now: now}
	t.Cleanup(r.router.Close)
	return r
}

// wait lets time pass, and has the lane look after its video as its own goroutine would.
func (r *videoRoom) wait(d time.Duration) {
	for end := r.clock() + d; r.clock() < end; {
		r.now.Add(int64(min(videoTick, end-r.clock())))
		for _, p := range r.people {
			if !p.gone {
				p.peer.lane.video.tick(p.peer)
				p.downlink.carry(p, r.clock())
			}
		}
	}
}

func (r *videoRoom) clock() time.Duration { return time.Duration(r.now.Load()) }

// videoPerson is a peer with a fake transport that may have a camera, a screen and video slots.
type videoPerson struct {
	t         testing.TB
	room      *videoRoom
	id        string
	peer      *Peer
	transport *fakeTransport
	gone      bool
	taken     int // of what was sent to it
	told      int // RTCP

	transportNumber uint16
	downlink        testLink
}

// testLink is the way from the server to a client: what carries packets, queues them, drops what comes when the queue is full, and has the client tell
// what arrived, as browsers do.
type testLink struct {
	rate     int                      // bits/s, 0: no limit
	lose     func(p *rtp.Packet) bool // beside what the queue drops
	silent   bool                     // the client tells nothing
	carried  int                      // of what was sent to the client
	free     time.Duration            // when the queue is empty
	arriving map[uint16]time.Duration // by transport-wide number
	recorder *twcc.Recorder
	toldAt   time.Duration
	arrived  map[uint32]int // bytes, by SSRC
}

const (
	testLinkDelay = 20 * time.Millisecond
	testLinkQueue = 300 * time.Millisecond
)

func (l *testLink) carry(p *videoPerson, now time.Duration) {
	if l.recorder == nil {
		l.recorder, l.arriving, l.arrived = twcc.NewRecorder(1), make(map[uint16]time.Duration), make(map[uint32]int)
	}
	packets := p.transport.packetsFrom(l.carried)
	l.carried += len(packets)
	for _, packet := range packets {
		at := max(now, l.free)
		if at-now > testLinkQueue || l.lose != nil && l.lose(&packet) {
			continue
		}
		if l.rate > 0 {
			at += time.Duration(8*packet.MarshalSize()) * time.Second / time.Duration(l.rate)
			l.free = at
		}
		l.arrived[packet.SSRC] += len(packet.Payload)
		if number := packet.GetExtension(testTransportID); number != nil {
			l.arriving[binary.BigEndian.Uint16(number)] = at + testLinkDelay
		}
	}
	if now-l.toldAt < 50*time.Millisecond || l.silent {
		return
	}
	l.toldAt = now
	for _, number := range slices.Sorted(maps.Keys(l.arriving)) {
		if at := l.arriving[number]; at <= now {
			l.recorder.Record(1, number, at.Microseconds())
			delete(l.arriving, number)
		}
	}
	if packets := l.recorder.BuildFeedbackPacket(); len(packets) > 0 {
		p.feedback(packets...)
	}
}

// videoOptions say what a person has.
type videoOptions struct {
	slots       int
	camera      bool
	screen      bool
	rids        []string // of the camera
	h264        bool     // knows that alone
	withoutRTX  bool
	withoutTWCC bool
	muted       bool
	hidden      bool
}

func (r *videoRoom) join(id string, csrc uint32, o videoOptions) *videoPerson {
	r.t.Helper()
	p, _, err := r.sfu.NewPeer(context.Background(), Offer{SDP: pictureOffer(o), Sources: map[string]Source{"camera": Camera, "screen": Screen}})
	if err != nil {
		r.t.Fatal(err)
	}
	p.attended.Store(true) // so that the lane's own goroutine leaves it to wait
	if err := r.router.Attach(p, Attachment{Participant: id, CSRC: csrc, Publishing: !o.muted, Showing: !o.hidden}); err != nil {
		r.t.Fatal(err)
	}
	person := &videoPerson{t: r.t, room: r, id: id, peer: p, transport: p.transport.(*fakeTransport)}
	r.people = append(r.people, person)
	return person
}

// leave closes the person's peer.
func (p *videoPerson) leave() {
	p.t.Helper()
	p.gone = true
	if err := p.peer.Close(); err != nil {
		p.t.Error(err)
	}
}

// pictureOffer is an offer of a microphone, what the options say, one audio slot and video slots.
func pictureOffer(o videoOptions) string {
	var mids []string
	var sections strings.Builder
	section := func(media, mid, direction string, lines ...string) {
		mids = append(mids, mid)
		formats := map[bool]string{false: "111", true: "96 97"}[media == "video"]
		if media == "video" && o.h264 {
			formats = "98 99"
		}
		fmt.Fprintf(&sections, "m=%s 9 UDP/TLS/RTP/SAVPF %s\r\nc=IN IP4 0.0.0.0\r\na=mid:%s\r\na=%s\r\na=rtcp-mux\r\n", media, formats, mid, direction)
		fmt.Fprintf(&sections, "a=extmap:%d %s\r\n", testMidID, midURI)
		if media == "audio" {
			fmt.Fprintf(&sections, "a=rtpmap:111 opus/48000/2\r\na=extmap:1 %s\r\n", levelURI)
		} else {
			name, main, rtx, fmtp := "VP8", testVP8, testVP8RTX, ""
			if o.h264 {
				name, main, rtx, fmtp = "H264", testH264, testH264RTX, "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"
			}
			fmt.Fprintf(&sections, "a=rtpmap:%d %s/90000\r\n", main, name)
			if fmtp != "" {
				fmt.Fprintf(&sections, "a=fmtp:%d %s\r\n", main, fmtp)
			}
			for _, feedback := range []string{"nack", "nack pli", "ccm fir", "transport-cc"} {
				fmt.Fprintf(&sections, "a=rtcp-fb:%d %s\r\n", main, feedback)
			}
			if !o.withoutRTX {
				fmt.Fprintf(&sections, "a=rtpmap:%d rtx/90000\r\na=fmtp:%d apt=%d\r\n", rtx, rtx, main)
			}
			for id, uri := range map[int]string{
				testRIDID: "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id", testRepairedRIDID: "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
				testOrientationID: "urn:3gpp:video-orientation",
			} {
				fmt.Fprintf(&sections, "a=extmap:%d %s\r\n", id, uri)
			}
			if !o.withoutTWCC {
				fmt.Fprintf(&sections, "a=extmap:%d http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n", testTransportID)
			}
		}
		for _, line := range lines {
			sections.WriteString(line + "\r\n")
		}
	}
	section("audio", "0", "sendonly", "a=ssrc:5000 cname:x")
	if o.camera {
		var lines []string
		for _, rid := range o.rids {
			lines = append(lines, fmt.Sprintf("a=rid:%s send", rid))
		}
		if len(o.rids) > 0 {
			lines = append(lines, "a=simulcast:send "+strings.Join(o.rids, ";"))
		}
		section("video", "camera", "sendonly", lines...)
	}
	if o.screen {
		section("video", "screen", "sendonly")
	}
	section("audio", "1", "recvonly")
	for i := range o.slots {
		section("video", fmt.Sprint("v", i), "recvonly")
	}
	return "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE " + strings.Join(mids, " ") +
		"\r\na=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=setup:actpass\r\na=fingerprint:sha-256 " +
		strings.TrimSuffix(strings.Repeat("AB:", 32), ":") + "\r\n" + sections.String()
}

// testEncoder makes the packets of one encoding of a picture: VP8 with three temporal layers.
type testEncoder struct {
	person   *videoPerson
	mid, rid string
	ssrc     uint32
	width    uint16
	packets  int // of each frame
	size     int // of a packet's payload

	seq       uint16
	frame     int
	picture   uint16
	tl0       uint8
	keyframes int
	lose      func(seq uint16) bool // on the way to the server
	kept      map[uint16]sentFrame
}

type sentFrame struct {
	payload   []byte
	timestamp uint32
	marker    bool
}

func (p *videoPerson) encoder(mid, rid string, ssrc uint32, packets, size int) *testEncoder {
	return &testEncoder{
		person: p, mid: mid, rid: rid, ssrc: ssrc, width: uint16(16 * packets * size), packets: packets, size: size,
		kept: make(map[uint16]sentFrame),
	}
}

// testPayload is a VP8 payload: its descriptor with all fields, the frame's header if it is the first packet of a key frame, and filling.
func testPayload(keyframe, begins bool, picture uint16, tl0, temporal uint8, sync bool, width uint16, size int) []byte {
	b := make([]byte, size)
	b[0] = 0x80
	if begins {
		b[0] |= 0x10
	}
	b[1] = 0xe0
	binary.BigEndian.PutUint16(b[2:], 0x8000|picture)
	b[4] = tl0
	b[5] = temporal << 6
	if sync {
		b[5] |= 0x20
	}
	b[6] = 1
	if keyframe && begins {
		b[6] = 0
		copy(b[9:], []byte{0x9d, 0x01, 0x2a, byte(width), byte(width >> 8), 90, 0})
	}
	return b
}

// next sends a frame. Times between frames are the test's business; timestamps are those of 30 frames a second.
func (e *testEncoder) next(keyframe bool) {
	temporal := [4]uint8{0, 2, 1, 2}[e.frame%4]
	if keyframe {
		e.frame, temporal = 0, 0
		e.keyframes++
	}
	if temporal == 0 {
		e.tl0++
	}
	timestamp := uint32(int64(e.person.room.clock()) * 9 / 100_000)
	for i := range e.packets {
		payload := testPayload(keyframe, i == 0, e.picture, e.tl0, temporal, temporal == 1, e.width, e.size)
		marker := i == e.packets-1
		e.kept[e.seq] = sentFrame{payload, timestamp, marker}
		if e.lose == nil || !e.lose(e.seq) {
			e.person.sendVideo(rtp.Header{
				PayloadType: testVP8, SequenceNumber: e.seq, Timestamp: timestamp, SSRC: e.ssrc, Marker: marker,
			}, e.mid, e.rid, "", payload)
		}
		e.seq++
	}
	e.picture = (e.picture + 1) & 0x7fff
	e.frame++
}

// repeat sends a packet once more by the repair stream.
func (e *testEncoder) repeat(seq, repairSeq uint16) {
	f := e.kept[seq]
	e.person.sendVideo(rtp.Header{
		PayloadType: testVP8RTX, SequenceNumber: repairSeq, Timestamp: f.timestamp, SSRC: e.ssrc + 1, Marker: f.marker,
	}, e.mid, "", e.rid, append(binary.BigEndian.AppendUint16(nil, seq), f.payload...))
}

// play sends frames, thirty a second, each first one that the server asks for a key one.
func (e *testEncoder) play(frames int) {
	for range frames {
		e.next(e.keyframes == 0 || e.asked())
		e.person.room.wait(time.Second / 30)
	}
}

// asked says whether a key frame has been asked for since the last call.
func (e *testEncoder) asked() bool {
	asked := false
	for _, p := range e.person.reports() {
		asked = asked || asksFor(p, e.ssrc)
	}
	return asked
}

// asksFor says whether an RTCP packet asks for a key frame of a stream.
func asksFor(p rtcp.Packet, ssrc uint32) bool {
	pli, ok := p.(*rtcp.PictureLossIndication)
	return ok && pli.MediaSSRC == ssrc
}

// sendVideo has the person's client send a packet, with the identifiers that are not empty and a transport-wide number.
func (p *videoPerson) sendVideo(h rtp.Header, mid, rid, repaired string, payload []byte) {
	p.t.Helper()
	h.Version = 2
	p.transportNumber++
	for id, value := range map[uint8]string{
		testMidID: mid, testRIDID: rid, testRepairedRIDID: repaired,
		testTransportID: string(binary.BigEndian.AppendUint16(nil, p.transportNumber)),
	} {
		if value == "" {
			continue
		}
		if err := h.SetExtension(id, []byte(value)); err != nil {
			p.t.Fatal(err)
		}
	}
	b, err := (&rtp.Packet{Header: h, Payload: payload}).Marshal()
	if err != nil {
		p.t.Fatal(err)
	}
	p.peer.ReceiveRTP(b)
}

// feedback has the person's client send RTCP.
func (p *videoPerson) feedback(packets ...rtcp.Packet) {
	p.t.Helper()
	b, err := rtcp.Marshal(packets)
	if err != nil {
		p.t.Fatal(err)
	}
	p.peer.ReceiveRTCP(b)
}

// reports are the RTCP packets that the person was sent since the last call.
func (p *videoPerson) reports() []rtcp.Packet {
	all := p.transport.reports()
	from := p.told
	p.told = len(all)
	return all[from:]
}

// pictures are the packets in a video slot that the person was sent since the last call, without those of the repair stream.
func (p *videoPerson) pictures(slot int) (packets []rtp.Packet) {
	p.t.Helper()
	fresh := p.transport.packetsFrom(p.taken)
	p.taken += len(fresh)
	for _, packet := range fresh {
		if packet.SSRC == p.peer.videoSlots[slot].ssrc {
			packets = append(packets, packet)
		}
	}
	return packets
}

// sees is who is in each of the person's video slots.
func (p *videoPerson) sees() (seen []string) {
	for _, s := range p.peer.Slots() {
		if s.Kind == "video" {
			seen = append(seen, strings.TrimSuffix(s.Participant+"/"+string(s.Source), "/"))
		}
	}
	return seen
}

// isKeyframe says whether a packet sent to a client begins a key frame.
func isKeyframe(p rtp.Packet) bool {
	return len(p.Payload) > 6 && p.Payload[0]&0x10 != 0 && p.Payload[6]&1 == 0
}

// requireOneStream fails where a slot's packets are not one stream without gaps, with timestamps that go forward.
func requireOneStream(t testing.TB, packets []rtp.Packet) {
	t.Helper()
	for i := 1; i < len(packets); i++ {
		before, p := packets[i-1], packets[i]
		if p.SequenceNumber != before.SequenceNumber+1 {
			t.Fatalf("packet %d has number %d after %d", i, p.SequenceNumber, before.SequenceNumber)
		}
		if ahead := int32(p.Timestamp - before.Timestamp); ahead < 0 || before.Marker && ahead == 0 {
			t.Fatalf("packet %d has timestamp %d after %d", i, p.Timestamp, before.Timestamp)
		}
	}
}
