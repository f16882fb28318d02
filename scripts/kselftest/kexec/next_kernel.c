// SPDX-License-Identifier: GPL-2.0
/*
 * next_kernel KERNEL INITRAMFS PARAMETERS: shut down as a reboot does, and start
 * that kernel instead of the firmware. The program kexec does the same, and more;
 * it would bring Xen's libraries into the guest.
 */
#include <fcntl.h>
#include <linux/reboot.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int kernel, initramfs;

	if (argc != 4) {
		fprintf(stderr, "usage: %s KERNEL INITRAMFS PARAMETERS\n", argv[0]);
		return 2;
	}
	kernel = open(argv[1], O_RDONLY);
	if (kernel < 0) {
		perror(argv[1]);
		return 1;
	}
	initramfs = open(argv[2], O_RDONLY);
	if (initramfs < 0) {
		perror(argv[2]);
		return 1;
	}
	if (syscall(SYS_kexec_file_load, kernel, initramfs, strlen(argv[3]) + 1, argv[3], 0UL)) {
		perror("kexec_file_load");
		return 1;
	}
	syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_KEXEC,
		NULL);
	perror("reboot");
	return 1;
}
