/* Runs a command under a seccomp filter as systemd builds one from SystemCallFilter and SystemCallErrorNumber.
 *
 *   cc -I FOLDER_OF_CALLS -DDENIED='SECCOMP_RET_ERRNO | EPERM' under_filter.c -o under_filter
 *   ./under_filter COMMAND ...
 *
 * calls.h lists the allowed calls, each as: #ifdef __NR_read, ALLOW(__NR_read), #endif. Without DENIED another call
 * kills the process, as systemd does without SystemCallErrorNumber. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef DENIED
#define DENIED SECCOMP_RET_KILL_PROCESS
#endif
#define ALLOW(call) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),

static struct sock_filter filter[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
#include "calls.h"
    BPF_STMT(BPF_RET | BPF_K, DENIED),
};

int main(int count, char **arguments) {
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    if (count < 2 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) {
        perror("seccomp");
        return 125;
    }
    execv(arguments[1], arguments + 1);
    perror(arguments[1]);
    return 126;
}
