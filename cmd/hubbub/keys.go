package main

import (
	"encoding/base64"
	"fmt"

	"hubbub/signaling"
)

// apiKey is a signaling.APIKey that can be read from a setting. Errors never show the secret.
type apiKey signaling.APIKey

// UnmarshalText reads ID:SECRET.
func (k *apiKey) UnmarshalText(text []byte) error {
	key, err := signaling.ParseAPIKey(string(text))
	if err != nil {
		return err
	}
	*k = apiKey(key)
	return nil
}

// clusterKeySize is that of AES-256, which encrypts gossip.
const clusterKeySize = 32

// clusterKeys are the cluster's keys: the first is used, the others are accepted.
func (c *configuration) clusterKeys() [][]byte {
	keys := make([][]byte, len(c.ClusterKey))
	for i, key := range c.ClusterKey {
		keys[i] = key
	}
	return keys
}

// clusterKey is clusterKeySize bytes.
type clusterKey []byte

// UnmarshalText reads standard base64, with or without padding.
func (k *clusterKey) UnmarshalText(text []byte) error {
	encoding := base64.StdEncoding
	if len(text)%4 != 0 {
		encoding = base64.RawStdEncoding
	}
	key, err := encoding.AppendDecode(nil, text)
	if err != nil {
		return fmt.Errorf("expected %d bytes in base64: %w", clusterKeySize, err)
	}
	if len(key) != clusterKeySize {
		return fmt.Errorf("expected %d bytes in base64, these are %d", clusterKeySize, len(key))
	}
	*k = key
	return nil
}
