"""Names that exports cannot have: words of C, devices of Windows, and headers that programs include.

All are compared in lower case: file names are equal on many systems if they differ only in capitals.
"""

from __future__ import annotations

__all__ = ["reason_against"]

# Keywords of C99, C11, C23 and C++20, and names that boards' headers define as macros or types.
_KEYWORDS = (
    "alignas alignof and and_eq asm auto bitand bitor bool break case catch char char8_t char16_t "
    "char32_t class compl concept const const_cast consteval constexpr constinit continue co_await "
    "co_return co_yield decltype default delete do double dynamic_cast else enum explicit export extern "
    "false float for friend goto if inline int long main mutable namespace new noexcept not not_eq "
    "nullptr operator or or_eq private protected public register reinterpret_cast requires restrict "
    "return short signed sizeof static static_assert static_cast struct switch template this "
    "thread_local throw true try typedef typeid typename typeof typeof_unqual union unsigned using "
    "virtual void volatile wchar_t while xor xor_eq int8_t int16_t int32_t int64_t uint8_t uint16_t "
    "uint32_t uint64_t tm stdin stdout"
)

_DEVICES = ("aux con nul prn", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10)))

_C_HEADERS = (
    "alloca assert complex ctype dirent dlfcn endian errno fcntl features fenv float grp inttypes io iso646 "
    "libgen limits locale malloc math memory poll process pthread pwd sched semaphore setjmp signal stdalign "
    "stdarg stdatomic stdbool stddef stdint stdio stdlib stdnoreturn string strings termios tgmath threads "
    "time uchar unistd utime wchar wctype windows winsock2"
)

# Of Arduino's cores and usual libraries, and of what they are built on.
_BOARD_HEADERS = (
    "adafruit_gfx adafruit_neopixel adafruit_sensor adafruit_ssd1306 arduino arduino_freertos arduinoble "
    "arduinojson arm_math asyncudp audio binary bledevice bluetoothserial bridge can capacitivesensor cdc "
    "client dht dnsserver eeprom esp esp8266wifi esplora espmdns ethernet ethernetudp event_groups fastled "
    "firmata freertos freertosconfig fs gsm hardwareserial hid httpclient httpupdate i2s ipaddress irremote "
    "keyboard ledcontrol liquidcrystal littlefs lowpower mbed mdns midiusb mouse netbios onewire pdm "
    "pinnames pins_arduino pluggableusb portable preferences print printable pubsubclient queue rf24 "
    "robot_control robot_motor rtclib rtczero rtos scheduler sd sdfat sdkconfig semphr server servo "
    "softwareserial spi spiffs stepper stream stream_buffer task temboo tensorflowlite tft ticker timers "
    "tone u8g2lib u8x8lib udp update usb usbapi usbcore usbdevice usbhost wcharacter webserver wifi "
    "wificlient wificlientsecure wifinina wifiserver wifiudp wire wiring wiring_private wmath wprogram "
    "wstring"
)

_REASONS = {
    name: reason
    for names, reason in (
        (_BOARD_HEADERS, "is that of a header of boards or of Arduino's libraries, which it would hide"),
        (_C_HEADERS, "is that of a header of the C library, which it would hide"),
        (" ".join(_DEVICES), "is that of a device on Windows, where no file can have it"),
        (_KEYWORDS, "has a meaning of its own in C or C++"),
    )
    for name in names.split()
}


def reason_against(name: str) -> str:
    """Return why an export cannot be called `name`, to follow on "The name …"; empty if it can."""
    return _REASONS.get(name.lower(), "")
