package client

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience is how long tests wait for what has to happen.
const patience = time.Minute

func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.After(patience)
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for !condition() {
		select {
		case <-again.C:
		case <-deadline:
			t.Fatalf("waited %v for: %s", patience, what)
		}
	}
}

func newTestMedia(t *testing.T, cfg MediaConfig) *Media {
	t.Helper()
	e, err := NewEngine(EngineConfig{LocalIP: net.IP.IsLoopback})
	if err != nil {
		t.Fatal(err)
	}
	m, err := e.NewMedia(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// run runs a source until the test ends.
func run(t *testing.T, s *VideoSender) {
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		if err := s.Run(ctx); err != nil {
			t.Errorf("the %s: %v", s.source, err)
		}
	})
	t.Cleanup(func() { cancel(); done.Wait() })
}

func connect(t *testing.T, m *Media, f *forwarder) {
	t.Helper()
	offer, _, err := m.Offer(false)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Answer(f.answer(t, offer)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := m.Connected(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestSimulcastIsSentAndSeenOverALossyNetwork(t *testing.T) {
	var mu sync.Mutex
	var seen []Picture
	m := newTestMedia(t, MediaConfig{ListensOnly: true, Camera: SimulcastCamera(), VideoSlots: 1, OnPicture: func(p Picture) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, p)
	}})
	f := newForwarder(t, "m", 20)
	connect(t, m, f)
	run(t, m.Camera())
	eventually(t, "pictures in spite of losses on both ways", func() bool {
		return m.VideoStats()["1"].Pictures > 90 && f.lost.Load() > 20
	})
	stats := m.VideoStats()["1"]
	if len(stats.Faults) > 0 {
		t.Errorf("faults %q", stats.Faults)
	}
	mu.Lock()
	defer mu.Unlock()
	for _, p := range seen {
		if p.Stream != m.Camera().Stream() || p.Encoding != 1 || p.Decodable && (p.Width != 640 || p.Height != 360) || p.Mid != "1" || len(p.CSRC) != 1 || p.CSRC[0] != 77 {
			t.Fatalf("picture %+v", p)
		}
	}
	for _, rid := range rids {
		if _, ok := f.seen.Load(rid); !ok {
			t.Errorf("encoding %s does not come", rid)
		}
	}
	sent := m.Camera().Stats()
	if sent[1].NACKs == 0 {
		t.Errorf("nothing was asked for once more: %+v", sent)
	}
	for i, e := range SimulcastCamera().Encodings {
		deltas := sent[i].Frames + (keyframeFactor-1)*sent[i].Keyframes
		if want := e.Bitrate / 8 / 30 * deltas; sent[i].Bytes < want || sent[i].Bytes > want*12/10 {
			t.Errorf("encoding %d: %d bytes in %d frames, %d are wanted", i, sent[i].Bytes, sent[i].Frames, want)
		}
	}
}

func TestKeyframesOnDemand(t *testing.T) {
	m := newTestMedia(t, MediaConfig{ListensOnly: true, Camera: SimulcastCamera(), VideoSlots: 1})
	if err := m.RequestKeyframe("1"); err == nil {
		t.Error("a key frame can be asked of nobody")
	}
	connect(t, m, newForwarder(t, "l", 0))
	run(t, m.Camera())
	eventually(t, "a picture", func() bool { return m.VideoStats()["1"].Pictures > 0 })
	before := m.Camera().Stats()
	if err := m.RequestKeyframe("1"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a key frame of the one encoding", func() bool {
		return m.Camera().Stats()[0].Keyframes > before[0].Keyframes && m.VideoStats()["1"].Keyframes > before[0].Keyframes
	})
	if after := m.Camera().Stats(); after[0].KeyframeRequests == 0 || after[1].Keyframes != before[1].Keyframes {
		t.Errorf("%+v", after)
	}
}

func TestAPausedEncodingBeginsAgainWithAKeyFrame(t *testing.T) {
	m := newTestMedia(t, MediaConfig{ListensOnly: true, Camera: SingleEncoding(300_000), VideoSlots: 1})
	camera := m.Camera()
	send := func() EncodingStats {
		t.Helper()
		if err := camera.SendFrame(time.Now()); err != nil {
			t.Fatal(err)
		}
		return camera.Stats()[0]
	}
	if err := camera.SendFrame(time.Now()); !errors.Is(err, ErrNotNegotiated) {
		t.Errorf("sending before there is an answer: %v", err)
	}
	connect(t, m, newForwarder(t, "", 0))
	if s := send(); s.Frames != 1 || s.Keyframes != 1 {
		t.Errorf("%+v", s)
	}
	camera.SetPaused(0, true)
	if s := send(); s.Frames != 1 {
		t.Errorf("paused: %+v", s)
	}
	camera.SetPaused(0, false)
	send()
	if s := send(); s.Frames != 3 || s.Keyframes != 2 {
		t.Errorf("again: %+v", s)
	}
}

func TestWhatMediasOffer(t *testing.T) {
	video := newTestMedia(t, MediaConfig{Slots: 1, Camera: SimulcastCamera(), Screen: SingleEncoding(1_000_000), VideoSlots: 2})
	offer, sources, err := video.Offer(false)
	if err != nil {
		t.Fatal(err)
	}
	if len(sources) != 3 || sources["0"] != "microphone" || sources["2"] != "camera" || sources["3"] != "screen" {
		t.Errorf("sources %v", sources)
	}
	for _, want := range []string{"a=simulcast:send l;m;h", "a=rtcp-fb:96 transport-cc", "a=fmtp:97 apt=96", "a=ssrc-group:FID", transportWideURI, repairedRIDURI} {
		if !strings.Contains(offer, want) {
			t.Errorf("no %s in\n%s", want, offer)
		}
	}
	if n := strings.Count(offer, "m=video"); n != 4 {
		t.Errorf("%d m-lines of video", n)
	}
	if audio := strings.Split(offer, "m=")[1]; strings.Contains(audio, "transport") {
		t.Errorf("the microphone is under congestion control:\n%s", audio)
	}

	voice := newTestMedia(t, MediaConfig{Slots: 1})
	if err := voice.AddVideo(SimulcastCamera(), nil, 1); !errors.Is(err, ErrNoVideo) {
		t.Errorf("video for voice alone: %v", err)
	}
	if voice.Camera() != nil || voice.Screen() != nil || len(voice.VideoStats()) != 0 {
		t.Error("there is video")
	}

	later := newTestMedia(t, MediaConfig{Slots: 1, AddsVideo: true})
	if offer, _, err = later.Offer(false); err != nil || strings.Contains(offer, "m=video") {
		t.Errorf("%v\n%s", err, offer)
	}
	if err := later.Answer(newForwarder(t, "", 0).answer(t, offer)); err != nil {
		t.Fatal(err)
	}
	if err := later.AddVideo(nil, SingleEncoding(1_000_000), 1); err != nil {
		t.Fatal(err)
	}
	if err := later.AddVideo(nil, SingleEncoding(1_000_000), 1); err == nil {
		t.Error("two screens")
	}
	offer, sources, err = later.Offer(false)
	if err != nil || strings.Count(offer, "m=video") != 2 || sources["2"] != "screen" {
		t.Errorf("%v, %v\n%s", err, sources, offer)
	}
}
