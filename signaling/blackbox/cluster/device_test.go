package cluster

import (
	"slices"
	"sync"
	"testing"
	"time"

	"hubbub/signaling/client"
)

// device is one connection, in no room, that shows whatever it is sent: what comes twice is there twice.
type device struct {
	*client.Client
	t     *testing.T
	hello client.ConnectResult
	ready chan struct{} // closed when Client is set

	mu    sync.Mutex
	acks  bool // acknowledges at once
	shown []client.Whisper
}

// device connects a device of a user to this node. acks tells whether it acknowledges whispers.
func (n *node) device(t *testing.T, user string, acks bool) *device {
	t.Helper()
	return n.connect(t, client.ConnectParams{Token: mint(t, user, "speaker")}, acks)
}

func (n *node) connect(t *testing.T, params client.ConnectParams, acks bool) *device {
	t.Helper()
	d := &device{t: t, acks: acks, ready: make(chan struct{})}
	ctx, cancel := within(patience)
	defer cancel()
	var err error
	if d.Client, err = client.Dial(ctx, n.signal(), client.Options{OnNotification: d.told}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Abort)
	close(d.ready)
	if d.hello, err = d.Connect(ctx, params); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *device) told(n client.Notification) {
	var w client.Whisper
	if n.Method != "whisper" || n.Decode(&w) != nil {
		return
	}
	<-d.ready
	d.mu.Lock()
	defer d.mu.Unlock()
	d.shown = append(d.shown, w)
	if d.acks {
		_ = d.NotifyAck(w.ID) // if the connection is gone the whisper comes again
	}
}

func (d *device) texts() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var texts []string
	for _, w := range d.shown {
		texts = append(texts, w.Text)
	}
	return texts
}

// wantShown waits for whispers, and checks that these are all, in this order. One too many has a moment to come.
func (d *device) wantShown(texts ...string) {
	d.t.Helper()
	poll(patience, func() bool { return len(d.texts()) >= len(texts) })
	poll(200*time.Millisecond, func() bool { return len(d.texts()) > len(texts) })
	if got := d.texts(); !slices.Equal(got, texts) {
		d.t.Errorf("a device on %s was shown %q, want %q", d.hello.Node, got, texts)
	}
}

func (d *device) whisper(to, text, nonce string) client.WhisperReceipt {
	d.t.Helper()
	ctx, cancel := within(patience)
	defer cancel()
	r, err := d.Whisper(ctx, to, text, nonce)
	if err != nil {
		d.t.Errorf("whispering %q: %v", text, err)
	}
	return r
}

func (d *device) wantWhisper(to, text, status string) {
	d.t.Helper()
	if r := d.whisper(to, text, ""); r.Status != status {
		d.t.Errorf("the whisper %q is %q, want %q", text, r.Status, status)
	}
}

func (d *device) acknowledge(i int) {
	d.t.Helper()
	d.mu.Lock()
	id := d.shown[i].ID
	d.mu.Unlock()
	ctx, cancel := within(patience)
	defer cancel()
	if err := d.Ack(ctx, id); err != nil {
		d.t.Error(err)
	}
}

// online are the users that the device's node lists.
func (d *device) online() []string {
	d.t.Helper()
	ctx, cancel := within(patience)
	defer cancel()
	users, err := d.Users(ctx, "")
	if err != nil {
		d.t.Error(err)
	}
	var ids []string
	for _, u := range users {
		ids = append(ids, u.ID)
	}
	return ids
}
