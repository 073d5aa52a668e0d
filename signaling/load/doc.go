// Package load drives a Hubbub server with many participants by the real
// protocol, and measures what they get: how long joining takes, and what
// becomes of every packet that a speaker sends on its way to every listener.
//
// All participants run in this process. So the time that a packet took is known
// exactly (it carries the time of its sending), and what the generator itself
// costs is part of what it measures: give it a core that the server does not use.
package load
