/* SPDX-License-Identifier: Apache-2.0
 *
 * guichet convert: return documents out of an .irj file. */
#ifndef GUICHET_CLI_CONVERT_H
#define GUICHET_CLI_CONVERT_H

/* What follows "guichet convert", for the table of commands. */
#define CONVERT_USAGE "--catalogue FILE [--year N] [--unnamed] FILE.irj DIRECTORY"
#define CONVERT_ABOUT "make a return document (0001.json, ...) of each return in an .irj file"

/* argv[0] is the command's name. The process's exit code: 0, 1 (failed, said on stderr), 2 (usage). */
int command_convert(int argc, char **argv);

#endif
