/* An adapter that was made for another version of Micro-Manager; see MMDevice/ModuleInterface.h there. */
long GetModuleVersion(void) { return 1; }
long GetDeviceInterfaceVersion(void) { return 1; }
