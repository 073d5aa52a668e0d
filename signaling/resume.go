package signaling

import (
	"crypto/rand"
	"errors"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// resumeSigner makes and reads resume strings: which session of which user may be
// continued. Whether it still may is for the node that had it to say, or, when that is gone, for
// those that have its room. Safe for concurrent use.
type resumeSigner struct{ keys [][]byte }

// newResumeSigner uses the cluster's keys, so that every node reads what another
// wrote: the first signs, any of them proves. Without one the key is random and lasts as long as the process, as do
// the sessions.
func newResumeSigner(clusterKeys [][]byte) resumeSigner {
	if len(clusterKeys) == 0 {
		key := make([]byte, 32)
		_, _ = rand.Read(key) // never fails (crypto/rand)
		clusterKeys = [][]byte{key}
	}
	return resumeSigner{keys: clusterKeys}
}

// resumeAudience keeps an access token from passing as a resume string should a
// key serve for both.
const resumeAudience = "hubbub resume"

// resumeClaims is what a resume string says: all that another node needs to go on with the session when the one that
// made it is gone.
type resumeClaims struct {
	jwt.RegisteredClaims
	// Continues are the sessions that this one was to continue when it was made, the newest first; it may not have taken their seat yet.
	Continues []string `json:"continues,omitempty"`
	Name      string   `json:"name"`
	Guest     bool     `json:"guest,omitempty"`
	Grants    Grants   `json:"grants"`
	Node      string   `json:"node"`
	Boot      string   `json:"boot"`
}

// sign makes the resume string of a session of this node.
func (s resumeSigner) sign(of *session, node, boot string) (string, error) {
	claims := resumeClaims{
		RegisteredClaims: jwt.RegisteredClaims{
			ID: of.id, Subject: of.user.ID, Audience: jwt.ClaimStrings{resumeAudience}, IssuedAt: jwt.NewNumericDate(time.Now()),
		},
		Continues: of.continued(), Name: of.user.Name, Guest: of.guest, Grants: of.grants, Node: node, Boot: boot,
	}
	return jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString(s.keys[0])
}

// read answers what a resume string says.
func (s resumeSigner) read(resume string) (claims resumeClaims, err error) {
	for _, key := range s.keys {
		claims = resumeClaims{}
		_, err = jwt.ParseWithClaims(resume, &claims, func(*jwt.Token) (any, error) { return key, nil },
			jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}), jwt.WithAudience(resumeAudience))
		if err == nil {
			break
		}
	}
	if err != nil {
		return resumeClaims{}, err
	}
	if claims.ID == "" || claims.Subject == "" {
		return resumeClaims{}, errors.New("the resume string names no session")
	}
	return claims, nil
}
