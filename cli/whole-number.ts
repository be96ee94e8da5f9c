import { InvalidArgumentError } from 'commander';

/** Parser of an option that is a whole number from a lowest to a highest one, in digits and without zeros before it. */
export function wholeNumberFrom(low: number, high: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^(0|[1-9]\d{0,9})$/.test(text) || value < low || value > high) {
      throw new InvalidArgumentError(`It must be a whole number from ${low} to ${high}.`);
    }
    return value;
  };
}
