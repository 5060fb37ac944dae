package devstack

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// owner is the user that servers run as. Both servers refuse to run as root,
// so root starts them as somebody else; everybody else as themselves.
type owner struct {
	name     string
	uid, gid uint32
	switched bool // the caller is root
}

// serverUser chooses the user: the one that PostgreSQL's packages create for
// this purpose, or nobody.
func serverUser() (owner, error) {
	if os.Getuid() != 0 {
		return owner{}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		found, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uerr := strconv.ParseUint(found.Uid, 10, 32)
		gid, gerr := strconv.ParseUint(found.Gid, 10, 32)
		if uerr == nil && gerr == nil {
			return owner{name: name, uid: uint32(uid), gid: uint32(gid), switched: true}, nil
		}
	}
	return owner{}, fmt.Errorf("run servers as root: refused by both servers, and there is neither a user postgres nor nobody")
}

// attributes puts a child into a process group of its own and under this user.
// The own group also keeps Ctrl-C in a terminal from reaching the servers
// before their owner has decided to stop them.
func (o owner) attributes() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if o.switched {
		attr.Credential = &syscall.Credential{Uid: o.uid, Gid: o.gid}
	}
	return attr
}

// mkdir makes a folder that belongs to this user.
func (o owner) mkdir(path string) error {
	if err := os.MkdirAll(path, 0o755); err != nil { //nolint:gosec // G301: another user must pass
		return err
	}
	if !o.switched {
		return nil
	}
	return os.Chown(path, int(o.uid), int(o.gid))
}

// give makes everything below path belong to this user.
func (o owner) give(path string) error {
	if !o.switched {
		return nil
	}
	return filepath.WalkDir(path, func(name string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(name, int(o.uid), int(o.gid)) //nolint:gosec // G122: a folder that only this package writes to
	})
}

// reach checks that this user can enter path's parents, which the server's own
// message would not make clear.
func (o owner) reach(path string) error {
	if !o.switched {
		return nil
	}
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o001 == 0 {
			return fmt.Errorf("folder %s: user %s cannot enter it; name a folder elsewhere or run chmod o+x %s", dir, o.name, dir)
		}
		if dir == filepath.Dir(dir) {
			return nil
		}
	}
}

// folder is where a server keeps its data, settings and logs.
type folder struct {
	path      string
	temporary bool // made here and removed at the end
}

// folder opens the named folder, or makes a temporary one if name is "".
func (o owner) folder(name, kind string) (folder, error) {
	if name == "" {
		made, err := os.MkdirTemp("", "devstack-"+kind+"-")
		if err != nil {
			return folder{}, err
		}
		if err := o.reachable(made); err != nil {
			return folder{}, errors.Join(err, os.Remove(made))
		}
		return folder{path: made, temporary: true}, nil
	}
	path, err := filepath.Abs(name)
	if err != nil {
		return folder{}, err
	}
	return folder{path: path}, o.reachable(path)
}

func (o owner) reachable(path string) error {
	if err := o.mkdir(path); err != nil {
		return err
	}
	return o.reach(path)
}

// remove deletes a temporary folder.
func (f folder) remove() error {
	if !f.temporary {
		return nil
	}
	return os.RemoveAll(f.path)
}

// serverEnv is all that a server sees of the caller's environment: variables
// such as PGDATA or ES_JAVA_OPTS meant for another server must not reach ours.
func serverEnv(home string, more ...string) []string {
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "LANG=C.UTF-8"}
	for _, name := range []string{"LD_LIBRARY_PATH", "TZDIR"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return append(env, more...)
}
