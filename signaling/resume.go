package signaling

import (
	"crypto/rand"
	"errors"

	"github.com/golang-jwt/jwt/v5"
)

// resumeSigner makes and reads resume strings: which session of which user may be
// continued. Whether it still may is for the registry to say. Safe for
// concurrent use.
type resumeSigner struct{ key []byte }

// newResumeSigner uses the cluster's key, so that every node reads what another
// wrote. Without one the key is random and lasts as long as the process, as do
// the sessions.
func newResumeSigner(clusterKey []byte) resumeSigner {
	if len(clusterKey) == 0 {
		clusterKey = make([]byte, 32)
		_, _ = rand.Read(clusterKey) // never fails (crypto/rand)
	}
	return resumeSigner{key: clusterKey}
}

// resumeAudience keeps an access token from passing as a resume string should a
// key serve for both.
const resumeAudience = "hubbub resume"

func (s resumeSigner) sign(session, user string) (string, error) {
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.RegisteredClaims{
		ID: session, Subject: user, Audience: jwt.ClaimStrings{resumeAudience},
	})
	return token.SignedString(s.key)
}

// read answers the session's and the user's id.
func (s resumeSigner) read(resume string) (session, user string, err error) {
	var claims jwt.RegisteredClaims
	_, err = jwt.ParseWithClaims(resume, &claims, func(*jwt.Token) (any, error) { return s.key, nil },
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}), jwt.WithAudience(resumeAudience))
	if err != nil {
		return "", "", err
	}
	if claims.ID == "" || claims.Subject == "" {
		return "", "", errors.New("the resume string names no session")
	}
	return claims.ID, claims.Subject, nil
}
