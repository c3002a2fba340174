#include "CMeter.h"
