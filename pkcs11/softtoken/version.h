/* What the token calls itself. */
#ifndef SOFTTOKEN_VERSION_H
#define SOFTTOKEN_VERSION_H

#define SOFTTOKEN_MANUFACTURER "Gatehouse"
#define SOFTTOKEN_MODEL "softtoken"
#define SOFTTOKEN_VERSION_MAJOR 0
#define SOFTTOKEN_VERSION_MINOR 1

#endif
