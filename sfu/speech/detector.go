package speech

import "time"

const (
	// audible is the protocol's: what is not above it is not voice from a source that has no voice flag.
	audible = -60
	// plain is a level from which on a sound is somebody's will even if it never changes: music, a tone. Noise of rooms and
	// microphones is below.
	plain = -40
	// faint is a loudness below which speech is probably not meant for the room: a television, people in the next one.
	faint = -45
	// rise, in dB, is how far above its source's noise a sound must be to be more than that noise.
	rise = 9
	// assumedLoudness is that of sources that send no levels: any established speaker may throw them out.
	assumedLoudness = -45

	// silentAfter is how long without voice makes a source not worth forwarding, well beyond a pause for thought.
	silentAfter = 3 * time.Second
	// levelValid is how long a level stands in for those of packets without one.
	levelValid = 2 * time.Second

	// All that follows is counted in units of the RTP timestamp, so that a network's jitter does not stretch or squeeze it.

	second       = 48000
	millisecond  = second / 1000
	usualPacket  = 20 * millisecond
	longestOpus  = 120 * millisecond // what is further apart is a gap
	longestGap   = 60 * second
	stuckAfter   = 2 * second // a voice flag that is never unset for so long says nothing
	streamsAfter = 5 * second // a source without levels that never paused for so long does not pause for silence

	// A sound is a run of packets with no more than runGap between them.
	runGap = 60 * millisecond
	// Two packets are in a row when no more than rowGap of silence is between them: senders on busy machines stall.
	rowGap = 120 * millisecond
	// A sound shorter than click is one. Two of them, with no sound as long as a word since, make their source a clicky one.
	click       = 100 * millisecond
	word        = 200 * millisecond
	clicky      = 2
	clickyProof = 140 * millisecond // how long a sound of a clicky source must be to be more than a click
	clickMemory = 5 * second
	decay       = 10 // dB by which a click's second packet is below its first; a syllable's is not

	// Speech is established when it has been going on for so long, with pauses counted against it. Doors and coughs end before.
	established   = 500 * millisecond
	disestablish  = 150 * millisecond
	longestSpeech = second

	loudnessOver   = second     // smoothing
	loudnessMemory = 5 * second // without voice, after which the next sound is measured anew
	loudnessJump   = 15         // dB: no packet counts for more above or below the smoothed level
)

// Detector judges the packets of one source by their levels. It belongs to the goroutine that receives the source's packets.
//
// It works against three things that pass for speech:
//   - Short noises. It takes two packets in a row to get the slot of someone quiet, more from a source that has clicked before, and
//     half a second to throw out someone who is speaking.
//   - Constant noise. The lowest level of the last seconds is the source's noise floor, and what does not rise out of it is no
//     speech unless it is loud.
//   - A voice flag that is always set, as by browsers that do not use DTX. It is believed for two seconds.
//
// A source without levels is taken to speak while its packets come without gaps, which is right if it uses DTX. It may take an
// empty slot or that of someone quiet, as anyone may; after five seconds without a gap, when it probably sends its silence too,
// only that of someone quiet for 1.5 s. It throws out nobody but the faint, and any speaker of ordinary loudness may throw it out.
type Detector struct {
	started   bool
	timestamp uint32
	at        time.Duration

	skipped bool // packets after the last one were dismissed

	level   Level         // the last one present
	levelAt time.Duration // when that was

	flags   bool  // the voice flag was set at least once
	flagged int32 // for how long it has been set without end
	floor   floor

	lastVoice time.Duration // by the protocol's definition

	// The present sound, or the last one.
	run, sinceRun int32
	inRow         int8 // packets without a break, up to 2
	runPeak       float32
	clicks        int8

	speech      int32 // for how long, pauses subtracted
	established bool
	continuous  int32 // for how long packets have come without a gap

	loudness float32
	measured int32 // how much sound loudness has been taken from
}

// NewDetector returns the Detector of a source that has not been heard yet.
func NewDetector() *Detector { return &Detector{} }

// Observe judges the next packet of the source: when it came (since any fixed moment), its RTP timestamp (48 kHz) and its level.
// Packets may be lost, late, or far apart; what lies between two is silence, and is not charged to the level. It does not
// allocate.
func (d *Detector) Observe(now time.Duration, timestamp uint32, level Level) Verdict {
	step, gap := d.advance(now, timestamp)
	if level.Present {
		d.level, d.levelAt = level, now
	} else if d.level.Present && now-d.levelAt < levelValid {
		level = d.level
	}

	if !level.Present {
		return d.observePresence(now, step, gap)
	}

	voice, distinct := d.judge(level, step, gap)
	if voice {
		d.lastVoice = now
	}
	contends := voice && distinct
	d.trackSound(contends, level.dBov(), step, gap)
	v := Verdict{
		// A flag that is set and unset as it should be is right about the softest speech.
		Voice:       voice && (distinct || d.flags && d.flagged < stuckAfter),
		Established: contends && d.established,
		Loudness:    d.loudness,
	}
	switch {
	case contends:
		v.Activity = d.entitlement(level.dBov())
	case d.silent(now, level, voice, distinct):
		v.Activity = Silent
	default:
		v.Activity = Quiet
	}
	return v
}

// Dismiss says whether a packet with such a level would be worth nothing to anyone, given in how many slots its source is: Observe would give a
// Verdict that is not Forwardable. If so it is not to be observed. It believes the level only so far as to drop that packet, so that
// it can be asked before the packet has proved where it is from; of what is dismissed, one in a few should be observed all the same, so
// that the Detector goes on knowing its source's noise.
func (d *Detector) Dismiss(now time.Duration, level Level, slots int) bool {
	if !d.started || !level.Present {
		return false
	}
	voice := level.Voice || !d.flags && level.dBov() > audible
	distinct := d.distinct(level)
	if voice && distinct || slots > 0 && !d.silent(now, level, voice, distinct) {
		return false
	}
	d.skipped = true
	return true
}

// silent says whether a packet that does not contend is one of a long silence.
func (d *Detector) silent(now time.Duration, level Level, voice, distinct bool) bool {
	return !voice && now-d.lastVoice >= silentAfter && !(distinct && level.dBov() > audible)
}

// observePresence judges a packet without level by its coming. The first one after a gap may be one that DTX sends now and
// then to refresh comfort noise: it is no voice yet.
func (d *Detector) observePresence(now time.Duration, step, gap int32) Verdict {
	d.speech = min(max(d.speech-gap, 0)+step, longestSpeech)
	v := Verdict{Activity: Loud, Voice: true, Established: d.speech >= established, Loudness: assumedLoudness}
	switch {
	case gap > 0:
		v.Activity, v.Voice = Onset, false
	case d.continuous >= streamsAfter:
		v.Activity, v.Established = Background, false
	}
	if v.Voice {
		d.lastVoice = now
	}
	return v
}

// advance finds how much sound a packet stands for and how much silence came before it.
func (d *Detector) advance(now time.Duration, timestamp uint32) (step, gap int32) {
	arrivalGap := now - d.at
	ahead := int32(timestamp - d.timestamp)
	if missing := ahead - usualPacket; d.skipped && missing > 0 {
		d.passQuietly(min(missing, longestGap))
		ahead = usualPacket
	}
	d.skipped = false
	switch {
	case !d.started:
		d.started, d.lastVoice = true, now
		d.floor = newFloor()
		d.sinceRun = longestGap
		step, gap = usualPacket, longestGap
	case ahead > longestOpus:
		step, gap = usualPacket, min(ahead-usualPacket, longestGap)
	case ahead > 0:
		step = ahead
	case ahead > -second:
		d.at = now
		return 0, 0 // reordered or repeated
	default:
		step = usualPacket // began anew elsewhere
	}
	if gap == 0 && arrivalGap >= quietAfter {
		// Its timestamps do not count pauses, or the network stood still. Nothing was heard either way.
		gap = int32(min(arrivalGap.Milliseconds(), longestGap/millisecond)) * millisecond
	}
	d.timestamp, d.at = timestamp, now
	if gap > 0 {
		d.continuous = 0
	}
	d.continuous = min(d.continuous+step, longestGap)
	return step, gap
}

// passQuietly takes note of a time in which packets were dismissed: there was sound, but none that contends.
func (d *Detector) passQuietly(length int32) {
	d.inRow = 0
	d.sinceRun = min(d.sinceRun+length, longestGap)
	d.speech = max(d.speech-length/2, 0)
	d.floor.pass(length)
}

// judge says whether a packet is voice by the protocol's definition, and whether it is distinct from the source's noise: it rises
// out of it, or is plainly somebody's will.
func (d *Detector) judge(level Level, step, gap int32) (voice, distinct bool) {
	if gap > 0 || !level.Voice {
		d.flagged = 0
	}
	if level.Voice {
		d.flags = true
		d.flagged = min(d.flagged+step, stuckAfter)
	}
	voice = level.Voice
	if !d.flags {
		voice = level.dBov() > audible
	}
	d.floor.observe(level.dBov(), step)
	return voice, d.distinct(level)
}

func (d *Detector) distinct(level Level) bool {
	return !d.floor.known() || level.dBov() >= d.floor.level()+rise || level.dBov() >= plain
}

// trackSound follows sounds as they begin, go on and end.
func (d *Detector) trackSound(contends bool, level float32, step, gap int32) {
	d.sinceRun = min(d.sinceRun+gap, longestGap)
	d.speech = max(d.speech-gap, 0)
	if gap > rowGap {
		d.inRow = 0
	}
	if !contends {
		d.inRow = 0
		d.sinceRun = min(d.sinceRun+step, longestGap)
		d.speech = max(d.speech-step/2, 0)
	} else {
		if d.sinceRun > runGap {
			d.beginSound(level)
		}
		d.sinceRun = 0
		d.run = min(d.run+step, longestGap)
		d.inRow = min(d.inRow+1, 2)
		d.runPeak = max(d.runPeak, level)
		d.speech = min(d.speech+step, longestSpeech)
		if d.inRow > 1 || d.measured == 0 { // what DTX sends alone, now and then, is no measure
			d.measure(level, step)
		}
	}
	d.established = d.speech >= established || d.established && d.speech >= disestablish
}

// beginSound files the last sound and begins a new one.
func (d *Detector) beginSound(level float32) {
	switch {
	case d.run >= word || d.sinceRun >= clickMemory:
		d.clicks = 0
	case d.run > 0 && d.run < click && d.floor.known():
		d.clicks = min(d.clicks+1, clicky)
	}
	d.run, d.runPeak = 0, level
	if d.sinceRun >= loudnessMemory {
		d.measured = 0
	}
}

// measure takes a packet of speech into the loudness: the plain mean at first, then an exponential one.
func (d *Detector) measure(level float32, step int32) {
	if d.measured == 0 {
		d.loudness = level
	}
	d.measured = min(d.measured+step, loudnessOver)
	if step > 0 {
		difference := min(max(level-d.loudness, -loudnessJump), loudnessJump)
		d.loudness += difference * float32(step) / float32(d.measured)
	}
}

// entitlement is what a packet of a sound that is distinct from its source's noise may do.
func (d *Detector) entitlement(level float32) Activity {
	switch {
	case d.inRow < 2 || level < d.runPeak-decay:
		return Onset
	case d.clicks >= clicky && d.run < clickyProof:
		return Onset
	case max(level, d.loudness) < faint:
		return Background
	}
	return Loud
}
