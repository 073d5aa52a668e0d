package speech

// Level is what a packet's header says about the sound in it (RFC 6464). The zero value is that of a packet without the
// extension.
type Level struct {
	Present     bool
	Voice       bool  // the sender's own voice activity flag
	Attenuation uint8 // the level in -dBov: 0 is the loudest there is, 127 digital silence
}

// ParseLevel reads the payload of a level extension, which is one byte (RFC 6464, section 3). Anything shorter is a packet without
// a level, so that the result of pion's Header.GetExtension can be given as it is.
func ParseLevel(extension []byte) Level {
	if len(extension) == 0 {
		return Level{}
	}
	return Level{Present: true, Voice: extension[0]&0x80 != 0, Attenuation: extension[0] & 0x7f}
}

// dBov is the level as a number that grows with loudness, from -127 to 0.
func (l Level) dBov() float32 { return -float32(l.Attenuation) }
