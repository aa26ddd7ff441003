{%- extends "label.zpl" -%}
{%- block drawing %}
{{- parts.rule(20, 46, 976) }}{{ parts.rule(20, 187, 976) }}{{ parts.rule(20, 467, 976) }}
{#- The use-by date stands in a frame. #}
{{- parts.frame(22, 512, 700, 51) }}
{%- if label.test %}{{ parts.stripes(0, 1001, 50, 740) }}{% endif %}
{%- endblock %}
