//go:build linux

package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// loadThreads is how many threads of the load run Go at a time, on its one core: the one that sends must not wait for the one that receives.
const loadThreads = 3

// cores are the one that is measured and the one of the load.
type cores struct{ server, load unix.CPUSet }

// splitCores takes the last core for what is measured, since the first has more interrupts to serve, and keeps this process to the first.
func splitCores() (c cores, err error) {
	var allowed unix.CPUSet
	if err := unix.SchedGetaffinity(0, &allowed); err != nil {
		return c, fmt.Errorf("read the affinity: %w", err)
	}
	var numbers []int
	for i := range 8 * len(allowed) * 8 {
		if allowed.IsSet(i) {
			numbers = append(numbers, i)
		}
	}
	if len(numbers) < 2 {
		return c, errors.New("a benchmark needs two cores: one for the server, one for the load")
	}
	c.load.Set(numbers[0])
	c.server.Set(numbers[len(numbers)-1])
	runtime.GOMAXPROCS(loadThreads)
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return c, fmt.Errorf("list the threads: %w", err)
	}
	for _, t := range threads { // those to come inherit it
		id, err := strconv.Atoi(t.Name())
		if err != nil {
			return c, fmt.Errorf("list the threads: %w", err)
		}
		if err := unix.SchedSetaffinity(id, &c.load); err != nil && !errors.Is(err, unix.ESRCH) {
			return c, fmt.Errorf("keep to a core: %w", err)
		}
	}
	return c, nil
}

// startPinned starts a command that may use these cores only.
func startPinned(cmd *exec.Cmd, on, back unix.CPUSet) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.SchedSetaffinity(0, &on); err != nil {
		return fmt.Errorf("pin to a core: %w", err)
	}
	err := cmd.Start() // a child inherits from the thread that starts it
	return errors.Join(err, unix.SchedSetaffinity(0, &back))
}

// cpuTime is what all threads of a process have run, those that have ended included: nanoseconds of the scheduler's accounting, as in
// /proc/PID/task/*/schedstat, and not sampled ticks. It is the process's clock of clock_getcpuclockid(3).
func cpuTime(pid int) (time.Duration, error) {
	const scheduled = 2 // CPUCLOCK_SCHED of the kernel's posix-timers_types.h
	var spent unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|scheduled), &spent); err != nil {
		return 0, fmt.Errorf("read the CPU clock of process %d: %w", pid, err)
	}
	return time.Duration(spent.Nano()), nil
}

// busyTime is what all cores together have worked, for whomever, and what the hypervisor took of them. It is sampled by the kernel, in ticks of 10 ms.
func busyTime() (time.Duration, error) {
	const tick = time.Second / 100 // USER_HZ
	data, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, fmt.Errorf("read the cores' time: %w", err)
	}
	line, _, _ := strings.Cut(string(data), "\n")
	var busy time.Duration
	for i, field := range strings.Fields(line) { // proc_stat(5): cpu, user, nice, system, idle, iowait, irq, softirq, steal, …
		if i == 0 || i == 4 || i == 5 || i > 8 {
			continue
		}
		ticks, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read the cores' time: %w", err)
		}
		busy += time.Duration(ticks) * tick
	}
	return busy, nil
}

// residentMemory is the RSS of a process in KiB.
func residentMemory(pid int) (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("read the memory: %w", err)
	}
	for lines := bufio.NewScanner(bytes.NewReader(status)); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), "VmRSS:"); ok {
			return strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 64)
		}
	}
	return 0, errors.New("read the memory: no VmRSS")
}

// describe tells what matters of this machine.
func describe() string {
	var name unix.Utsname
	kernel := "unknown"
	if unix.Uname(&name) == nil {
		kernel, _, _ = strings.Cut(unix.ByteSliceToString(name.Release[:]), "-")
	}
	return fmt.Sprintf("%d virtual cores, Linux %s, %s, loopback", runtime.NumCPU(), kernel, runtime.Version())
}
