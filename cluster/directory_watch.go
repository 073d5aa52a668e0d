package cluster

// watch tells OnChange what became of the rooms of interest, when claims or members change.
func (d *Directory) watch() {
	seen := d.members.current.Load()
	for {
		select {
		case <-seen.changed:
			seen = d.members.current.Load()
			d.mu.Lock()
			for room := range d.interest {
				d.changed(room)
			}
			d.mu.Unlock()
		case <-d.wake:
		case <-d.life.Done():
			return
		}
		for d.life.Err() == nil {
			room, now, ok := d.nextChange()
			if !ok {
				break
			}
			if d.cfg.OnChange != nil {
				d.cfg.OnChange(room, now.claim, now.known)
			}
		}
	}
}

// nextChange is a room that is not as OnChange was told last.
func (d *Directory) nextChange() (room string, now told, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for len(d.dirty) > 0 {
		room, d.dirty = d.dirty[0], d.dirty[1:]
		delete(d.isDirty, room)
		before, interesting := d.interest[room]
		now.claim, now.known = d.live(room)
		if interesting && now != before {
			d.interest[room] = now
			return room, now, true
		}
	}
	return "", told{}, false
}
