package sfu

import "time"

const (
	// meterInterval is how long a videoMeter counts for one value, and meterValues how many values it keeps. The median of three leaves out the interval that a key
	// frame is in, which is ten times as large as others and passes by before a subscriber could react.
	meterInterval = 500 * time.Millisecond
	meterValues   = 3

	// encodingSilence is by how much the newest packet of an encoding may be older than that of its source before the encoding is taken for one that
	// the sender has switched off, as browsers do when their uplink gets narrow. Encodings of a camera send in turn, within a frame.
	encodingSilence = 600 * time.Millisecond
)

// videoMeter measures the rates of one encoding, by temporal layer. It is not safe for concurrent use.
type videoMeter struct {
	receivedAt time.Duration // of the last packet
	begun      time.Duration // of the present interval
	counting   [maxTemporalLayers]int
	values     [meterValues][maxTemporalLayers]int // bits/s of each layer by itself
	count      int                                 // how many values there have been
}

// observe counts a packet.
func (m *videoMeter) observe(now time.Duration, bytes int, temporal uint8) {
	if m.receivedAt == 0 || now-m.receivedAt > videoSilence {
		m.count, m.begun, m.counting = 0, now, [maxTemporalLayers]int{}
	}
	m.receivedAt = now
	if elapsed := now - m.begun; elapsed >= meterInterval {
		value := &m.values[m.count%meterValues]
		for i, counted := range m.counting {
			value[i] = int(int64(counted) * 8 * int64(time.Second) / int64(elapsed))
		}
		m.count++
		m.begun, m.counting = now, [maxTemporalLayers]int{}
	}
	m.counting[min(temporal, maxTemporalLayers-1)] += bytes
}

// rates are the bits/s up to each temporal layer, and how many temporal layers there are. Until something has been measured it is what was assumed,
// and one layer.
func (m *videoMeter) rates(assumed int) (rates [maxTemporalLayers]int, temporal uint8) {
	if m.count < 2 {
		for i := range rates {
			rates[i] = assumed
		}
		return rates, 1
	}
	sum := 0
	temporal = 1
	for i := range rates {
		sum += m.median(i)
		rates[i] = sum
		if m.median(i) > 0 {
			temporal = uint8(i + 1)
		}
	}
	return rates, temporal
}

// median is that of the last values of a layer, the lower one of two.
func (m *videoMeter) median(layer int) int {
	a, b := m.values[0][layer], m.values[1][layer]
	low, high := min(a, b), max(a, b)
	if m.count < meterValues {
		return low
	}
	return max(low, min(high, m.values[2][layer]))
}
