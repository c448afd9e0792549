//! A small line of the last values. The figure beside it says the present one, so the line is decoration.

interface SparklineProps {
  readonly values: readonly number[];
  readonly className: string | undefined;
}

const width = 120;
const height = 30;

export function Sparkline({ values, className }: SparklineProps) {
  const top = Math.max(...values, 0.000_001);
  const points = values.map((value, index) => `${(index / Math.max(1, values.length - 1)) * width},${height - 1 - (value / top) * (height - 2)}`).join(" ");
  return (
    <svg className={className} viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" aria-hidden="true">
      {values.length > 1 && <polyline points={points} fill="none" stroke="currentColor" strokeWidth="1.5" vectorEffect="non-scaling-stroke" />}
    </svg>
  );
}
