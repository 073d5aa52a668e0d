package speech

import "time"

// Activity is what a packet entitles its source to. Each entitles to all that the ones before it do.
type Activity uint8

const (
	// Silent is no voice for so long that the packet is worth nothing to anyone, not even where its source has a slot.
	Silent Activity = iota
	// Quiet is to be forwarded where the source has a slot; it cannot get one.
	Quiet
	// Onset is the first packet of a sound. It may take an empty slot.
	Onset
	// Background is speech that is faint, or a stream without levels that never pauses. It may take the slot of someone who has been quiet for longer than a turn's pause.
	Background
	// Loud is a sound that is no click and distinct from its source's noise. It may take the slot of anyone who is quiet.
	Loud
)

func (a Activity) String() string {
	return [...]string{"silent", "quiet", "onset", "background", "loud"}[a]
}

// Verdict is a Detector's judgement of one packet: a value that travels with the packet to every subscriber's Assigner.
type Verdict struct {
	Activity Activity
	// Voice: the packet keeps its source from counting as quiet.
	Voice bool
	// Established: the source has been speaking for about half a second, so it is neither a slammed door nor a cough. It may
	// throw out a speaker who is clearly weaker.
	Established bool
	// Loudness is how loud the source is when it speaks, in dBov, smoothed over about a second of speech. Pauses do not lower it.
	Loudness float32
}

// Forwardable says whether a packet can be of use to anyone, given in how many slots its source is at present. It is the
// gate to ask before a packet is decrypted, handed to other goroutines or shown to any subscriber: open microphones that
// nobody hears end here.
func (v Verdict) Forwardable(slots int) bool {
	return v.Contends() || v.Activity == Quiet && slots > 0
}

// Contends says whether the packet may take a slot that its source does not have yet.
func (v Verdict) Contends() bool { return v.Activity >= Onset }

const (
	// margin, in dB, is by how much a speaker must be louder to throw out another who is speaking. Two people seldom
	// differ by more only because one of them stresses a word.
	margin = 6
	// plainMargin is by how much a sound must be louder than a faint one to need no proof that it is speech.
	plainMargin = 15
)

// patience is how long someone must have been quiet for the packet to take their slot.
func (v Verdict) patience() time.Duration {
	switch {
	case v.Activity == Loud:
		return quietAfter
	case v.Loudness < faint:
		return longTurnPause
	}
	return turnPause
}

// mayDisplace says whether the packet may take the slot of someone who is speaking that loud.
func (v Verdict) mayDisplace(loudness float32) bool {
	return v.Established && v.Loudness >= loudness+margin ||
		v.Activity == Loud && loudness < faint && v.Loudness >= loudness+plainMargin
}
