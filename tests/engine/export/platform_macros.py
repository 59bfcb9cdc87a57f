"""Macros that headers of platforms define, which a program may include before an exported header."""

from __future__ import annotations

_ARDUINO = (
    "F PI HALF_PI TWO_PI EULER DEG_TO_RAD RAD_TO_DEG HIGH LOW INPUT OUTPUT INPUT_PULLUP SERIAL DISPLAY "
    "LSBFIRST MSBFIRST CHANGE FALLING RISING DEFAULT EXTERNAL INTERNAL min max abs round constrain "
    "radians degrees sq interrupts noInterrupts lowByte highByte bit bitRead bitSet bitClear bitToggle "
    "bitWrite word boolean byte LED_BUILTIN SS MOSI MISO SCK SDA SCL A0 A1 A2 A3 NOT_A_PIN B0 B1 B00 "
    "B01 B10 B11 B000 B111 B10101010 Serial Serial1 SerialUSB yield"
)
_AVR = (
    "_BV cli sei SP SPL SPH SREG PORTA PORTB DDRA DDRB PINA PINB PA0 PB0 PC0 PD0 UDR0 TCNT0 OCR0A "
    "RAMEND E2END FLASHEND loop_until_bit_is_set bit_is_set bit_is_clear EEMEM PSTR signature"
)
_WINDOWS = (
    "small hyper near far huge pascal cdecl interface IN OUT OPTIONAL CONST VOID ERROR DELETE "
    "DIFFERENCE IGNORE INFINITE STRICT NEAR FAR CALLBACK WINAPI TEXT TRUE FALSE GetObject CreateFile "
    "SendMessage UNICODE rad1 THIS NO_ERROR PASSTHROUGH DOMAIN_ERROR MINIMUM_ALLOWED"
)
_POSIX = (
    "linux unix major minor makedev B50 B75 B110 B134 B150 B200 B300 B600 B1200 ECHO TOSTOP CR0 NL0 "
    "TAB0 BS0 FF0 VT0 MIN MAX NBBY howmany roundup powerof2 st_atime s_addr stdin stdout stderr errno "
    "assert NULL EOF"
)
_MATHS = (
    "I complex imaginary HUGE DOMAIN SING OVERFLOW UNDERFLOW PLOSS TLOSS NAN INFINITY HUGE_VAL M_PI M_E "
    "isnan isinf isfinite signbit fpclassify"
)
_NEWLIB = "_U _L _N _S _P _C _X _B"
_CHIPS = (
    "BIT BIT0 BIT1 SET RESET ENABLE DISABLE SUCCESS READ_BIT SET_BIT CLEAR_BIT READ_REG WRITE_REG "
    "POSITION_VAL FLASH RCC GPIOA TIM1 USART1 SPI1 I2C1 ADC ADC1 DAC CAN RTC USB WDT PWM __IO __I __O "
    "ARRAY_SIZE CLAMP CONTAINER_OF STRINGIFY TAG ROUND_UP ROUND_DOWN DIV_ROUND_UP LIKELY UNLIKELY KB MB "
    "Kb code data xdata idata pdata sbit sfr bank0 bank1 persistent rom ram"
)
_OTHERS = (
    "None Status Success Always True False Bool LINES COLS OK ERR DEBUG INFO WARN TRACE LOG VERSION NDEBUG"
)

MACROS = frozenset(f"{_ARDUINO} {_AVR} {_WINDOWS} {_POSIX} {_MATHS} {_NEWLIB} {_CHIPS} {_OTHERS}".split())
