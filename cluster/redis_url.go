package cluster

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// redisTarget is a parsed URL: one of the three is set.
type redisTarget struct {
	single   *redis.Options
	failover *redis.FailoverOptions
	cluster  *redis.ClusterOptions
}

// CheckRedisURL tells whether a URL names a Redis, in one of these forms (rediss instead of redis is TLS):
//
//	redis://USER:PASSWORD@HOST:6379/DB
//	redis+sentinel://HOST1:26379,HOST2:26379/DB?master_name=NAME&username=USER&password=PASSWORD
//	redis+cluster://USER:PASSWORD@HOST1:7000,HOST2:7001
//
// USER and PASSWORD before a Sentinel's host are the Sentinel's own. The form after the host is that of go-redis (ParseURL,
// ParseFailoverURL, ParseClusterURL), with its parameters, such as pool_size=20 or skip_verify=true; so are its own forms
// without + in the scheme, where master_name or addr tell what is meant. Beyond those there are, with TLS, ca_file, cert_file and key_file: PEM files of who may vouch for Redis, and of this client's certificate and key.
// It reads these files. The error does not repeat the URL, which may hold a password.
func CheckRedisURL(text string) error {
	_, err := parseRedisURL(text)
	return err
}

func parseRedisURL(text string) (redisTarget, error) {
	u, err := splitRedisURL(text)
	if err != nil {
		return redisTarget{}, err
	}
	kind, secure, err := redisKind(u)
	if err != nil {
		return redisTarget{}, err
	}
	u.Scheme = "redis"
	if secure {
		u.Scheme = "rediss"
	}
	query := u.Query()
	files := tlsFiles{ca: query.Get("ca_file"), certificate: query.Get("cert_file"), key: query.Get("key_file")}
	for _, name := range []string{"ca_file", "cert_file", "key_file"} {
		query.Del(name)
	}
	if !secure && files != (tlsFiles{}) {
		return redisTarget{}, errors.New("ca_file, cert_file and key_file are for TLS: rediss instead of redis")
	}
	u.RawQuery = query.Encode()

	target, config, err := parseRedisKind(kind, u)
	if err != nil || config == nil {
		return target, err
	}
	return target, files.configure(config)
}

// splitRedisURL parses a URL that may have several hosts, as go-redis wants it: the others as parameters.
func splitRedisURL(text string) (*url.URL, error) {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		return nil, errors.New("expected redis://HOST:PORT, or rediss, redis+sentinel or redis+cluster")
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	hosts := strings.LastIndexByte(rest[:end], '@') + 1
	first, others, several := strings.Cut(rest[hosts:end], ",")
	u, err := url.Parse(scheme + "://" + rest[:hosts] + first + rest[end:])
	if err != nil {
		if bad, ok := errors.AsType[*url.Error](err); ok {
			err = bad.Err // without the URL
		}
		return nil, fmt.Errorf("not a URL: %w", err)
	}
	if u.Host == "" {
		return nil, errors.New("no host in the URL")
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, fmt.Errorf("the URL's parameters: %w", err)
	}
	if several {
		query["addr"] = append(query["addr"], strings.Split(others, ",")...)
	}
	u.RawQuery = query.Encode()
	return u, nil
}

// redisKind tells what a URL names: "sentinel", "cluster" or "" for a single server.
func redisKind(u *url.URL) (kind string, secure bool, err error) {
	protocol, kind, _ := strings.Cut(u.Scheme, "+")
	if protocol != "redis" && protocol != "rediss" || kind != "" && kind != "sentinel" && kind != "cluster" {
		return "", false, fmt.Errorf("the scheme %q is not redis or rediss, nor one of them with +sentinel or +cluster", u.Scheme)
	}
	switch query := u.Query(); {
	case kind != "":
	case query.Has("master_name"):
		kind = "sentinel"
	case query.Has("addr"):
		kind = "cluster"
	}
	return kind, protocol == "rediss", nil
}

// parseRedisKind leaves the reading of the URL to go-redis. It also returns the TLS configuration, where there is one.
func parseRedisKind(kind string, u *url.URL) (redisTarget, *tls.Config, error) {
	switch kind {
	case "sentinel":
		options, err := redis.ParseFailoverURL(u.String())
		if err != nil {
			return redisTarget{}, nil, fmt.Errorf("the URL of a Sentinel: %w", err)
		}
		if options.MasterName == "" {
			return redisTarget{}, nil, errors.New("the URL of a Sentinel needs the parameter master_name")
		}
		if options.RouteByLatency || options.RouteRandomly || options.ReplicaOnly {
			return redisTarget{}, nil, errors.New("presence is read where it is written, on the master: no routing to replicas")
		}
		unpinName(options.TLSConfig)
		return redisTarget{failover: options}, options.TLSConfig, nil
	case "cluster":
		options, err := redis.ParseClusterURL(u.String())
		if err != nil {
			return redisTarget{}, nil, fmt.Errorf("the URL of a Redis Cluster: %w", err)
		}
		unpinName(options.TLSConfig)
		return redisTarget{cluster: options}, options.TLSConfig, nil
	default:
		options, err := redis.ParseURL(u.String())
		if err != nil {
			return redisTarget{}, nil, fmt.Errorf("the URL of a Redis: %w", err)
		}
		return redisTarget{single: options}, options.TLSConfig, nil
	}
}

// unpinName has every server prove its own name or address, instead of that of the first in the URL.
func unpinName(config *tls.Config) {
	if config != nil {
		config.ServerName = ""
	}
}

type tlsFiles struct{ ca, certificate, key string }

func (f tlsFiles) configure(config *tls.Config) error {
	config.MinVersion = tls.VersionTLS12
	if f.ca != "" {
		pem, err := os.ReadFile(f.ca)
		if err != nil {
			return fmt.Errorf("reading ca_file: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return fmt.Errorf("there is no certificate in the ca_file %s", f.ca)
		}
	}
	if f.certificate != "" || f.key != "" {
		pair, err := tls.LoadX509KeyPair(f.certificate, f.key)
		if err != nil {
			return fmt.Errorf("reading cert_file and key_file: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return nil
}

// open makes the client; it connects when it is first used. The deadline of each request bounds everything in it, whatever
// the URL says of timeouts; these bound what outlives a request, such as a connection being made.
func (t redisTarget) open(timeout time.Duration) redis.UniversalClient {
	unset := func(d *time.Duration) {
		if *d == 0 {
			*d = timeout
		}
	}
	// These notices are of one vendor's service, and asking for them costs a round trip for each connection.
	quiet := &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	switch {
	case t.failover != nil:
		o := *t.failover
		unset(&o.DialTimeout)
		unset(&o.ReadTimeout)
		o.ContextTimeoutEnabled, o.DialerRetries, o.PipelinePoolSize = true, 1, -1
		return redis.NewFailoverClient(&o)
	case t.cluster != nil:
		o := *t.cluster
		unset(&o.DialTimeout)
		unset(&o.ReadTimeout)
		o.ContextTimeoutEnabled, o.DialerRetries, o.PipelinePoolSize = true, 1, -1
		o.MaintNotificationsConfig = quiet
		return redis.NewClusterClient(&o)
	default:
		o := *t.single
		unset(&o.DialTimeout)
		unset(&o.ReadTimeout)
		o.ContextTimeoutEnabled, o.DialerRetries, o.PipelinePoolSize = true, 1, -1
		o.MaintNotificationsConfig = quiet
		return redis.NewClient(&o)
	}
}
