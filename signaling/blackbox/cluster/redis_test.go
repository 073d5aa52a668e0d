package cluster

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"
)

const redisPort = 21379

// redis is a redis-server that keeps nothing on disk: after a crash it is empty, which is the worst that can happen to who relies on it.
type redis struct {
	address string
	cmd     *exec.Cmd
}

func launchRedis(ip string) (*redis, error) {
	r := &redis{address: net.JoinHostPort(ip, strconv.Itoa(redisPort))}
	err := r.start()
	return r, err
}

func (r *redis) url() string { return "redis://" + r.address }

// start runs the server, unless it runs already, and waits until it answers.
func (r *redis) start() error {
	if r.cmd != nil && r.cmd.ProcessState == nil {
		return nil
	}
	host, port, err := net.SplitHostPort(r.address)
	if err != nil {
		return err
	}
	r.cmd = exec.Command("redis-server", "--bind", host, "--port", port, "--save", "", "--appendonly", "no",
		"--protected-mode", "no", "--dir", os.TempDir())
	if err := r.cmd.Start(); err != nil {
		return fmt.Errorf("starting redis-server: %w", err)
	}
	if !poll(patience, r.answers) {
		return fmt.Errorf("redis-server does not answer at %s", r.address)
	}
	return nil
}

func (r *redis) answers() bool {
	conn, err := net.DialTimeout("tcp", r.address, time.Second)
	if err != nil {
		return false
	}
	defer func() { _ = conn.Close() }()
	buf := make([]byte, 7)
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return false
	}
	_, err = conn.Read(buf)
	return err == nil && string(buf) == "+PONG\r\n"
}

// kill ends the server as a crash does, if it runs.
func (r *redis) kill() error {
	if r.cmd.ProcessState != nil {
		return nil
	}
	if err := r.cmd.Process.Signal(syscall.SIGKILL); err != nil {
		return fmt.Errorf("killing redis-server: %w", err)
	}
	_ = r.cmd.Wait() // says that it was killed
	return nil
}
